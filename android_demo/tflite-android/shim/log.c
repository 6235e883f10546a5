/* liblog.so, and a weak symbol that TFLite's library never calls. */
#include <stdarg.h>
#include <stdio.h>

int __android_log_vprint(int priority, const char *tag, const char *format, va_list arguments) {
  (void)priority;
  fprintf(stderr, "%s: ", tag);
  vfprintf(stderr, format, arguments);
  return fputc('\n', stderr);
}

int _ZN6tflite16UseGemmlowpOnX86Ev(void) { return 0; }

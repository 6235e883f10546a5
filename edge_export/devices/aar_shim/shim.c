/* libc.so: what bionic has, and glibc lacks or does otherwise. Each function is exported as NAME@LIBC.
 *
 * The names in forwarded.txt mean the same in both libraries, and jump to glibc's. A name in neither place is refused
 * before anything is loaded. 64-bit Linux only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT(name) __asm__(".symver b_" #name "," #name "@LIBC")

/* The stack protector of Android's Arm code reads its canary 40 bytes behind the thread pointer. In glibc the first
 * library's variables stand there: where this one is preloaded, they are these, and never change. */
#ifdef __aarch64__
enum { CANARY = 40 };
static __thread char canary_slot[64] __attribute__((used));

int canary_is_constant(void) {
  char *canary = (char *)__builtin_thread_pointer() + CANARY;
  return canary >= canary_slot && canary + sizeof(long) <= canary_slot + sizeof canary_slot;
}
#else
int canary_is_constant(void) { return 1; } /* both libraries keep it in the same place */
#endif

int *b___errno(void) { return &errno; }
EXPORT(__errno);

/* bionic's stdin, stdout and stderr: 152 bytes each */
char b___sF[3 * 152];
EXPORT(__sF);

static FILE *file(void *given) {
  char *at = given;
  if (at < b___sF || at >= b___sF + sizeof b___sF) return given;
  return at < b___sF + 152 ? stdin : at < b___sF + 304 ? stdout : stderr;
}

int b_fprintf(void *to, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vfprintf(file(to), format, arguments);
  va_end(arguments);
  return written;
}
EXPORT(fprintf);

int b_vfprintf(void *to, const char *format, va_list arguments) { return vfprintf(file(to), format, arguments); }
EXPORT(vfprintf);
int b_fputc(int c, void *to) { return fputc(c, file(to)); }
EXPORT(fputc);
size_t b_fwrite(const void *from, size_t size, size_t count, void *to) { return fwrite(from, size, count, file(to)); }
EXPORT(fwrite);
int b_fflush(void *to) { return fflush(to ? file(to) : NULL); }
EXPORT(fflush);
int b_fileno(void *of) { return fileno(file(of)); }
EXPORT(fileno);
int b_fclose(void *of) { return fclose(file(of)); }
EXPORT(fclose);

/* Android 14. The Java binding looks for XNNPACK only where the SDK is newer than 19. */
int b___system_property_get(const char *name, char *value) {
  strcpy(value, strcmp(name, "ro.build.version.sdk") == 0 ? "34" : "");
  return (int)strlen(value);
}
EXPORT(__system_property_get);

void b_android_set_abort_message(const char *message) { fprintf(stderr, "%s\n", message); }
EXPORT(android_set_abort_message);

/* TFLite 2.16.1 asks for 32 bytes where its int8 kernels for AVX-512 load 64 aligned ones: they crash by chance. Phones
 * have no AVX-512. */
void *b_memalign(size_t alignment, size_t size) { return memalign(alignment < 64 ? 64 : alignment, size); }
EXPORT(memalign);

/* bionic numbers its names otherwise */
long b_sysconf(int name) {
  switch (name) {
    case 0x27:
    case 0x28: return sysconf(_SC_PAGESIZE);
    case 0x60: return sysconf(_SC_NPROCESSORS_CONF);
    case 0x61: return sysconf(_SC_NPROCESSORS_ONLN);
    case 0x62: return sysconf(_SC_PHYS_PAGES);
    case 0x63: return sysconf(_SC_AVPHYS_PAGES);
  }
  fprintf(stderr, "the shim does not know the sysconf name %#x\n", name);
  abort();
}
EXPORT(sysconf);

/* glibc's function of this name returns a pointer */
extern int __xpg_strerror_r(int, char *, size_t);
int b_strerror_r(int number, char *text, size_t size) { return __xpg_strerror_r(number, text, size); }
EXPORT(strerror_r);

void *b___memmove_chk(void *to, const void *from, size_t size, size_t room) {
  if (size > room) abort();
  return memmove(to, from, size);
}
EXPORT(__memmove_chk);
ssize_t b___read_chk(int from, void *to, size_t size, size_t room) {
  if (size > room) abort();
  return read(from, to, size);
}
EXPORT(__read_chk);
size_t b___strlen_chk(const char *text, size_t room) {
  size_t size = strlen(text);
  if (size >= room) abort();
  return size;
}
EXPORT(__strlen_chk);
int b___vsnprintf_chk(char *to, size_t size, int flags, size_t room, const char *format, va_list arguments) {
  (void)flags;
  if (size > room) abort();
  return vsnprintf(to, size, format, arguments);
}
EXPORT(__vsnprintf_chk);
int b___open_2(const char *path, int flags) { return open(path, flags); }
EXPORT(__open_2);

/* They are in glibc's static part, which a jump does not reach on every machine. */
extern int __cxa_atexit(void (*)(void *), void *, void *);
extern void __cxa_finalize(void *);
int b___cxa_atexit(void (*function)(void *), void *argument, void *library) {
  return __cxa_atexit(function, argument, library);
}
EXPORT(__cxa_atexit);
void b___cxa_finalize(void *library) { __cxa_finalize(library); }
EXPORT(__cxa_finalize);

/* bionic has one locale, "C", and its masks are others */
long long b_strtoll_l(const char *text, char **end, int base, void *locale) {
  (void)locale;
  return strtoll(text, end, base);
}
EXPORT(strtoll_l);
unsigned long long b_strtoull_l(const char *text, char **end, int base, void *locale) {
  (void)locale;
  return strtoull(text, end, base);
}
EXPORT(strtoull_l);
void *b_newlocale(int mask, const char *name, void *base) {
  (void)mask, (void)name, (void)base;
  return newlocale(LC_ALL_MASK, "C", NULL);
}
EXPORT(newlocale);

/* A mutex has 40 bytes in bionic, and 48 in glibc on Arm, of which the last 8 are only written when it is made. Neither
 * attributes of mutexes nor of conditions can be made without functions that are refused. */
int b_pthread_mutex_init(void *mutex, const void *attributes) {
  (void)attributes;
  memset(mutex, 0, 40);
  return 0;
}
EXPORT(pthread_mutex_init);
int b_pthread_cond_init(pthread_cond_t *condition, const void *attributes) {
  (void)attributes;
  return pthread_cond_init(condition, NULL);
}
EXPORT(pthread_cond_init);

/* On Android the default scope holds a library's own symbols, too. */
void *b_dlsym(void *handle, const char *name) {
  void *found = dlsym(handle, name);
  if (found || handle != RTLD_DEFAULT) return found;
  void *own = dlopen("libtensorflowlite_jni.so", RTLD_NOW | RTLD_NOLOAD);
  return own ? dlsym(own, name) : NULL;
}
EXPORT(dlsym);

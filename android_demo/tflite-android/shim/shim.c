/* What bionic has and glibc lacks, or lays out otherwise. EXPORT(name) gives b_name to the library as name@LIBC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define EXPORT(name) __asm__(".symver b_" #name "," #name "@LIBC");

int *b___errno(void) { return &errno; }
EXPORT(__errno)

/* stdin, stdout and stderr stand in one array in bionic. */
char b___sF[3 * 152];
EXPORT(__sF)

static FILE *file(void *stream) {
  long offset = (char *)stream - b___sF;
  if (offset < 0 || offset >= (long)sizeof b___sF) return stream;
  return offset < 152 ? stdin : offset < 304 ? stdout : stderr;
}

int b_fprintf(void *stream, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int count = vfprintf(file(stream), format, arguments);
  va_end(arguments);
  return count;
}
EXPORT(fprintf)

int b_vfprintf(void *stream, const char *format, va_list arguments) { return vfprintf(file(stream), format, arguments); }
EXPORT(vfprintf)

int b_fputc(int c, void *stream) { return fputc(c, file(stream)); }
EXPORT(fputc)

size_t b_fwrite(const void *from, size_t size, size_t count, void *stream) {
  return fwrite(from, size, count, file(stream));
}
EXPORT(fwrite)

int b_fflush(void *stream) { return fflush(stream ? file(stream) : 0); }
EXPORT(fflush)

int b_fileno(void *stream) { return fileno(file(stream)); }
EXPORT(fileno)

int b_fclose(void *stream) { return fclose(file(stream)); }
EXPORT(fclose)

/* Below version 20 the Java binding does not look for XNNPACK. */
int b___system_property_get(const char *name, char *value) {
  strcpy(value, strcmp(name, "ro.build.version.sdk") ? "" : "34");
  return (int)strlen(value);
}
EXPORT(__system_property_get)

void b_android_set_abort_message(const char *message) { fprintf(stderr, "abort: %s\n", message); }
EXPORT(android_set_abort_message)

/* bionic numbers the names otherwise. */
long b_sysconf(int name) {
  switch (name) {
    case 0x27: case 0x28: return sysconf(_SC_PAGESIZE);
    case 0x60: return sysconf(_SC_NPROCESSORS_CONF);
    case 0x61: return sysconf(_SC_NPROCESSORS_ONLN);
    case 0x62: return sysconf(_SC_PHYS_PAGES);
  }
  fprintf(stderr, "shim: sysconf of %#x, which it does not know\n", name);
  return -1;
}
EXPORT(sysconf)

void *b___memmove_chk(void *to, const void *from, size_t count, size_t room) {
  if (count > room) abort();
  return memmove(to, from, count);
}
EXPORT(__memmove_chk)

int b___open_2(const char *path, int flags) { return open(path, flags); }
EXPORT(__open_2)

ssize_t b___read_chk(int descriptor, void *to, size_t count, size_t room) {
  if (count > room) abort();
  return read(descriptor, to, count);
}
EXPORT(__read_chk)

size_t b___strlen_chk(const char *text, size_t room) {
  size_t length = strlen(text);
  if (length >= room) abort();
  return length;
}
EXPORT(__strlen_chk)

int b___vsnprintf_chk(char *to, size_t count, int flags, size_t room, const char *format, va_list arguments) {
  (void)flags;
  if (count > room) abort();
  return vsnprintf(to, count, format, arguments);
}
EXPORT(__vsnprintf_chk)

extern int __cxa_atexit(void (*)(void *), void *, void *);
extern void __cxa_finalize(void *);

int b___cxa_atexit(void (*function)(void *), void *argument, void *library) {
  return __cxa_atexit(function, argument, library);
}
EXPORT(__cxa_atexit)

void b___cxa_finalize(void *library) { __cxa_finalize(library); }
EXPORT(__cxa_finalize)

/* The locale is always "C". */
long long b_strtoll_l(const char *text, char **end, int base, void *locale) {
  (void)locale;
  return strtoll(text, end, base);
}
EXPORT(strtoll_l)

unsigned long long b_strtoull_l(const char *text, char **end, int base, void *locale) {
  (void)locale;
  return strtoull(text, end, base);
}
EXPORT(strtoull_l)

void *b_newlocale(int mask, const char *name, void *base) {
  (void)mask, (void)name, (void)base;
  return newlocale(LC_ALL_MASK, "C", 0);
}
EXPORT(newlocale)

/* A mutex has 40 bytes in bionic and 48 in glibc on arm64: nothing may write past 40. */
int b_pthread_mutex_init(void *mutex, void *attributes) {
  (void)attributes;
  memset(mutex, 0, 40);
  return 0;
}
EXPORT(pthread_mutex_init)

int b_pthread_cond_init(pthread_cond_t *condition, void *attributes) {
  (void)attributes;
  return pthread_cond_init(condition, 0);
}
EXPORT(pthread_cond_init)

/* On Android the library finds its own symbols without a handle; here it was not opened globally. */
void *b_dlsym(void *handle, const char *name) {
  static void *self;
  void *found = dlsym(handle, name);
  if (!found && !handle && (self || (self = dlopen("libtensorflowlite_jni.so", RTLD_NOW | RTLD_NOLOAD)))) {
    found = dlsym(self, name);
  }
  return found;
}
EXPORT(dlsym)

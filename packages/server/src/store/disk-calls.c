/*
 * Preloaded into a test's child process: writes down every flush and positioned write, and fails those that the test
 * asks for. It never calls the functions that it replaces, but the kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int log_file = -1;
static char fault_call[16] = "";
static int fault_errno = 0;
static int fault_from = 0;
static int fault_to = 0;
static int sync_count = 0;
static int write_count = 0;

__attribute__((constructor)) static void prepare(void) {
  const char *path = getenv("DISK_CALLS_LOG");
  const char *fault = getenv("DISK_CALLS_FAULT");
  if (path != NULL) log_file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fault != NULL) sscanf(fault, "%15s %d %d %d", fault_call, &fault_errno, &fault_from, &fault_to);
}

/* Gives the error number that the call has to fail with, or 0. */
static int observe(const char *call, int *count, int file) {
  char link[64];
  char path[512];
  char line[600];
  int length;
  ssize_t path_length;
  if (log_file < 0) return 0;
  *count += 1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  path_length = readlink(link, path, sizeof path - 1);
  path[path_length < 0 ? 0 : path_length] = '\0';
  length = snprintf(line, sizeof line, "%s %s\n", call, path);
  if (syscall(SYS_write, log_file, line, (size_t)length) < 0) abort();
  if (strcmp(call, fault_call) != 0 || *count < fault_from || *count > fault_to) return 0;
  return fault_errno;
}

static int flush(long number, int file) {
  int error = observe("sync", &sync_count, file);
  if (error == 0) return (int)syscall(number, file);
  errno = error;
  return -1;
}

int fsync(int file) { return flush(SYS_fsync, file); }

int fdatasync(int file) { return flush(SYS_fdatasync, file); }

static ssize_t write_at(int file, const void *bytes, size_t size, off64_t offset) {
  int error = observe("write", &write_count, file);
  if (error == 0) return syscall(SYS_pwrite64, file, bytes, size, offset);
  errno = error;
  return -1;
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
  return write_at(file, bytes, size, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
  return write_at(file, bytes, size, offset);
}

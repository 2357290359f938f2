/* A stand-in for libcuda.so.1: the GPUs that the file gpus.txt beside this library says, as far as
 * tests/gpus/holder.py asks. What a process holds is in the file cuda.PID beside it, which counts
 * for as long as that process lives (see nvml.c).
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100 };
enum { MAX_GPUS = 16 };

static struct {
  char uuid[96];
  unsigned long long total;
} gpus[MAX_GPUS];
static int count, visible[MAX_GPUS], seen, current = -1;
static char directory[4096];

static void read_gpus(void) {
  Dl_info info;
  dladdr((void *)read_gpus, &info);
  const char *slash = strrchr(info.dli_fname, '/');
  snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - info.dli_fname) : 0,
           info.dli_fname);
  char path[4200], line[512];
  snprintf(path, sizeof path, "%s/gpus.txt", directory);
  FILE *file = fopen(path, "r");
  if (!file) return;
  while (count < MAX_GPUS && fgets(line, sizeof line, file))
    if (sscanf(line, "gpu %95s %*d %llu", gpus[count].uuid, &gpus[count].total) == 2) count++;
  fclose(file);
}

int cuInit(unsigned flags) {
  (void)flags;
  read_gpus();
  const char *given = getenv("CUDA_VISIBLE_DEVICES");
  if (!given) {
    for (; seen < count; seen++) visible[seen] = seen;
  } else {
    for (char *end; *given; given = *end == ',' ? end + 1 : end) {
      long index = strtol(given, &end, 10);
      if (end == given || index < 0 || index >= count || seen == MAX_GPUS) break;
      visible[seen++] = (int)index;
    }
  }
  return seen ? SUCCESS : NO_DEVICE;
}

int cuDeviceGetCount(int *to) {
  *to = seen;
  return SUCCESS;
}

int cuDeviceGet(int *device, int number) {
  if (number < 0 || number >= seen) return INVALID_VALUE;
  *device = visible[number];
  return SUCCESS;
}

int cuDeviceGetUuid(unsigned char *to, int device) {
  const char *at = gpus[device].uuid + strlen("GPU-");
  for (int i = 0; i < 16; i++) {
    if (*at == '-') at++;
    sscanf(at, "%2hhx", &to[i]);
    at += 2;
  }
  return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  *context = &gpus[device];
  return SUCCESS;
}

int cuCtxSetCurrent(void *context) {
  for (current = 0; current < count; current++)
    if (context == &gpus[current]) return SUCCESS;
  return INVALID_VALUE;
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  *free = *total = gpus[current].total;
  return SUCCESS;
}

int cuMemAlloc_v2(unsigned long long *to, size_t size) {
  if (size > gpus[current].total) return OUT_OF_MEMORY;
  char path[4200];
  snprintf(path, sizeof path, "%s/cuda.%d", directory, (int)getpid());
  FILE *file = fopen(path, "a");
  if (!file) return OUT_OF_MEMORY;
  fprintf(file, "process %d C %d %zu\n", current, (int)getpid(), size);
  fclose(file);
  *to = 1;
  return SUCCESS;
}

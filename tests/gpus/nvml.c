/* A stand-in for libnvidia-ml.so.1: GPUs as the file gpus.txt beside this library says.
 *
 * The file is read at every call, so that a test can change the machine while a worker looks at
 * it. Names, numbers and layouts are those of NVIDIA's public interface, nvml.h. Its lines:
 *
 *   driver INIT_CODE SECONDS_THAT_A_CALL_TAKES
 *   gpu UUID CODE MEMORY_TOTAL MEMORY_USED UTILISATION CELSIUS MILLIWATTS MIG COMPUTE_MODE
 *       CLOCK_REASONS ECC_ERRORS NAME...   (on one line)
 *   process GPU C_OR_G PID BYTES
 *
 * CODE is what every question about that GPU is answered with, 0 for none; -1 stands for a value
 * that the card does not tell. With -DOLD it lacks what a driver of 2020 lacks. Files cuda.PID
 * beside it, which the stand-in of libcuda.so.1 writes, hold lines of processes as well; they count
 * for as long as that process lives.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  SUCCESS = 0,
  UNINITIALIZED = 1,
  INVALID_ARGUMENT = 2,
  NOT_SUPPORTED = 3,
  INSUFFICIENT_SIZE = 7,
  DRIVER_NOT_LOADED = 9,
  ARGUMENT_VERSION_MISMATCH = 25,
};
enum { MAX_GPUS = 16, MAX_PROCESSES = 64 };

typedef struct {
  char uuid[96], name[96];
  int code, utilisation, celsius, milliwatts, mig, compute_mode, clock_reasons, ecc_errors;
  long long total, used;
} gpu_t;

typedef struct {
  int gpu;
  char kind;
  unsigned pid;
  unsigned long long bytes;
} process_t;

static struct {
  int init_code, gpu_count, process_count;
  double seconds;
  gpu_t gpus[MAX_GPUS];
  process_t processes[MAX_PROCESSES];
} machine;

static int users;             /* calls of init that no shutdown has answered */
static char marks[MAX_GPUS];  /* a handle is the address of one of these */

static char directory[4096]; /* ends in a slash */

static int read_process(const char *line) {
  process_t *process = &machine.processes[machine.process_count];
  if (machine.process_count == MAX_PROCESSES - 1) return 0;
  if (sscanf(line, "process %d %c %u %llu", &process->gpu, &process->kind, &process->pid,
             &process->bytes) != 4)
    return 0;
  machine.process_count++;
  return 1;
}

/* What the processes hold that allocate through the stand-in of libcuda.so.1. */
static void look_at_cuda(void) {
  DIR *entries = opendir(directory);
  if (!entries) return;
  for (struct dirent *entry; (entry = readdir(entries));) {
    int pid = strncmp(entry->d_name, "cuda.", 5) ? 0 : atoi(entry->d_name + 5);
    if (pid <= 0 || kill(pid, 0)) continue;
    char path[4400], line[512];
    snprintf(path, sizeof path, "%s%s", directory, entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    while (fgets(line, sizeof line, file))
      if (read_process(line)) {
        process_t *last = &machine.processes[machine.process_count - 1];
        machine.gpus[last->gpu].used += last->bytes;
      }
    fclose(file);
  }
  closedir(entries);
}

static void look(void) {
  char path[4200];
  if (!directory[0]) {
    Dl_info info;
    dladdr((void *)look, &info);
    const char *slash = strrchr(info.dli_fname, '/');
    int length = slash ? (int)(slash - info.dli_fname) + 1 : 0;
    snprintf(directory, sizeof directory, "%.*s", length, info.dli_fname);
  }
  snprintf(path, sizeof path, "%sgpus.txt", directory);
  memset(&machine, 0, sizeof machine);
  FILE *file = fopen(path, "r");
  if (!file) {
    machine.init_code = DRIVER_NOT_LOADED;
    return;
  }
  char line[512];
  while (fgets(line, sizeof line, file)) {
    gpu_t *gpu = &machine.gpus[machine.gpu_count];
    if (sscanf(line, "driver %d %lf", &machine.init_code, &machine.seconds) == 2) continue;
    if (sscanf(line, "gpu %95s %d %lld %lld %d %d %d %d %d %d %d %95[^\n]", gpu->uuid, &gpu->code,
               &gpu->total, &gpu->used, &gpu->utilisation, &gpu->celsius, &gpu->milliwatts,
               &gpu->mig, &gpu->compute_mode, &gpu->clock_reasons, &gpu->ecc_errors,
               gpu->name) == 12 &&
        machine.gpu_count < MAX_GPUS - 1)
      machine.gpu_count++;
    else
      read_process(line);
  }
  fclose(file);
  look_at_cuda();
  if (machine.seconds > 0) usleep((useconds_t)(machine.seconds * 1e6));
}

static int begin(void) {
  look();
  if (machine.init_code == SUCCESS) users++;
  return machine.init_code;
}

int nvmlInit(void) { return begin(); }
int nvmlInit_v2(void) { return begin(); }
int nvmlInitWithFlags(unsigned flags) {
  (void)flags;
  return begin();
}

int nvmlShutdown(void) {
  if (!users) return UNINITIALIZED;
  users--;
  return SUCCESS;
}

const char *nvmlErrorString(int code) {
  return code == SUCCESS ? "Success" : code == 15 ? "GPU is lost" : "Unknown Error";
}

static int count_gpus(unsigned *count) {
  if (!users) return UNINITIALIZED;
  look();
  *count = machine.gpu_count;
  return SUCCESS;
}

int nvmlDeviceGetCount(unsigned *count) { return count_gpus(count); }
int nvmlDeviceGetCount_v2(unsigned *count) { return count_gpus(count); }

/* Finds the GPU of a handle; returns its code, or what is wrong with the question. */
static int find(void *handle, gpu_t **gpu) {
  if (!users) return UNINITIALIZED;
  look();
  long index = (char *)handle - marks;
  if (index < 0 || index >= machine.gpu_count) return INVALID_ARGUMENT;
  *gpu = &machine.gpus[index];
  return (*gpu)->code;
}

static int by_index(unsigned index, void **handle) {
  gpu_t *gpu;
  if (index >= MAX_GPUS) return INVALID_ARGUMENT;
  *handle = &marks[index];
  return find(*handle, &gpu);
}

int nvmlDeviceGetHandleByIndex(unsigned index, void **handle) { return by_index(index, handle); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { return by_index(index, handle); }

static int copy(const char *text, char *to, unsigned length) {
  if (strlen(text) >= length) return INSUFFICIENT_SIZE;
  strcpy(to, text);
  return SUCCESS;
}

int nvmlDeviceGetUUID(void *handle, char *to, unsigned length) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  return code ? code : copy(gpu->uuid, to, length);
}

int nvmlDeviceGetName(void *handle, char *to, unsigned length) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  return code ? code : copy(gpu->name, to, length);
}

static int tell(int value, unsigned *to) {
  if (value < 0) return NOT_SUPPORTED;
  *to = (unsigned)value;
  return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(void *handle, unsigned rates[2]) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  rates[1] = 0;
  return code ? code : tell(gpu->utilisation, &rates[0]);
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  return code ? code : tell(gpu->milliwatts, milliwatts);
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (sensor) return INVALID_ARGUMENT;
  return code ? code : tell(gpu->celsius, celsius);
}

int nvmlDeviceGetComputeMode(void *handle, unsigned *mode) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  return code ? code : tell(gpu->compute_mode, mode);
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (code) return code;
  *pending = gpu->mig > 0;
  return tell(gpu->mig, current);
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *reasons) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (code) return code;
  if (gpu->clock_reasons < 0) return NOT_SUPPORTED;
  *reasons = gpu->clock_reasons;
  return SUCCESS;
}

int nvmlDeviceGetTotalEccErrors(void *handle, int error, int counter, unsigned long long *count) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (code) return code;
  if (error != 1 || counter != 0) return INVALID_ARGUMENT;
  if (gpu->ecc_errors < 0) return NOT_SUPPORTED;
  *count = gpu->ecc_errors;
  return SUCCESS;
}

typedef struct {
  unsigned long long total, free, used;
} memory_t;

/* The first version counts what the driver keeps for itself as used. */
enum { RESERVED = 600 << 20 };

int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (code) return code;
  if (gpu->used < 0) return NOT_SUPPORTED;
  memory->total = gpu->total;
  memory->used = gpu->used + RESERVED;
  memory->free = memory->total - memory->used;
  return SUCCESS;
}

typedef struct {
  unsigned pid;
  unsigned long long bytes;
} process_v1_t;

typedef struct {
  unsigned pid;
  unsigned long long bytes;
  unsigned gpu_instance, compute_instance;
} process_v2_t;

/* As nvml.h says: too little room is an error that tells how much is needed. */
static int list(void *handle, char kind, unsigned *count, process_v1_t *first,
                process_v2_t *second) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (code) return code;
  unsigned room = *count, found = 0;
  for (int i = 0; i < machine.process_count; i++) {
    process_t *process = &machine.processes[i];
    if (process->gpu != gpu - machine.gpus || process->kind != kind) continue;
    if (found < room && first) first[found] = (process_v1_t){process->pid, process->bytes};
    if (found < room && second)
      second[found] = (process_v2_t){process->pid, process->bytes, ~0u, ~0u};
    found++;
  }
  *count = found;
  return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

#define LISTS(Kind, kind)                                                                       \
  int nvmlDeviceGet##Kind##RunningProcesses(void *handle, unsigned *count, process_v1_t *to) {  \
    return list(handle, kind, count, to, NULL);                                                 \
  }                                                                                             \
  int nvmlDeviceGet##Kind##RunningProcesses_v2(void *handle, unsigned *count,                   \
                                               process_v2_t *to) {                              \
    return list(handle, kind, count, NULL, to);                                                 \
  }
LISTS(Compute, 'C')
LISTS(Graphics, 'G')

#ifndef OLD
typedef struct {
  unsigned version;
  unsigned long long total, reserved, free, used;
} memory_v2_t;

int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2_t *memory) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (code) return code;
  if (memory->version != (sizeof *memory | 2u << 24)) return ARGUMENT_VERSION_MISMATCH;
  if (gpu->used < 0) return NOT_SUPPORTED;
  memory->total = gpu->total;
  memory->used = gpu->used;
  memory->reserved = RESERVED;
  memory->free = gpu->total - gpu->used - RESERVED;
  return SUCCESS;
}

typedef struct {
  unsigned version;
  int sensor, celsius;
} temperature_t;

int nvmlDeviceGetTemperatureV(void *handle, temperature_t *temperature) {
  gpu_t *gpu;
  int code = find(handle, &gpu);
  if (code) return code;
  if (temperature->version != (sizeof *temperature | 1u << 24)) return ARGUMENT_VERSION_MISMATCH;
  if (temperature->sensor) return INVALID_ARGUMENT;
  return tell(gpu->celsius, (unsigned *)&temperature->celsius);
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process_v2_t *to) {
  return list(handle, 'C', count, NULL, to);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned *count, process_v2_t *to) {
  return list(handle, 'G', count, NULL, to);
}
#endif

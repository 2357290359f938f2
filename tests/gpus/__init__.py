"""GPUs for tests: a stand-in for the driver's library, compiled from `nvml.c`."""

#define __POOL_START__ 0xb0000000
#define __POOL_SIZE__ (POOL_MB << 20)

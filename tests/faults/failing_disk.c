/* A disk that fails when it is told to: preloaded before libc, it counts every call that changes
 * something below one folder, and at the call that was named it refuses, writes half, or kills the
 * process. Everything else goes to the real disk. It also notes the calls, so that a test can say
 * what was not synchronised when a step was acknowledged.
 *
 *     cc -shared -fPIC -O1 -o failing_disk.so failing_disk.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* What happens at the call: the same numbers as in failing_disk.py. */
enum how { NOTHING, FAILS_EIO, FAILS_ENOSPC, WRITES_HALF, DIES, KILLED_BEFORE, KILLED_AFTER };
enum verdict { GO_ON, REFUSED, HALF, THEN_KILL };

static char folder[PATH_MAX];
static int at, how, armed;
static int calls; /* how many were counted since the disk was armed */
static char noted[1 << 21];
static size_t noted_length;

void failing_disk_arm(const char *below, int at_call, int what) {
    snprintf(folder, sizeof folder, "%s", below);
    at = at_call, how = what, calls = 0, noted_length = 0;
    __atomic_store_n(&armed, 1, __ATOMIC_SEQ_CST);
}

void failing_disk_disarm(void) { __atomic_store_n(&armed, 0, __ATOMIC_SEQ_CST); }
int failing_disk_calls(void) { return calls; }
const char *failing_disk_noted(void) { return noted; }

void failing_disk_note(const char *name, const char *path) {
    size_t room = sizeof noted - noted_length;
    int length = snprintf(noted + noted_length, room, "%s\t%s\n", name, path);
    if (length > 0 && (size_t)length < room) noted_length += (size_t)length;
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }
#define REAL(type, name) ((type)real(name))

/* The whole path of a name, whatever it is relative to; links on the way are not followed. */
static void whole(int base, const char *name, char *path) {
    char link[64], start[PATH_MAX / 2] = "";
    ssize_t length;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    if (base == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", base);
    length = readlink(link, start, sizeof start - 1);
    start[length < 0 ? 0 : length] = 0;
    if (name[0]) snprintf(path, PATH_MAX, "%s/%s", start, name);
    else snprintf(path, PATH_MAX, "%s", start);
}

/* A full disk still opens what is there, and makes a file shorter. */
static int is_new(int base, const char *name) {
    struct stat found;
    return fstatat(base, name, &found, AT_SYMLINK_NOFOLLOW) != 0;
}

static int gets_longer(int handle, long long length) {
    struct stat found;
    return fstat(handle, &found) != 0 || length > (long long)found.st_size;
}

static int below(const char *path) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static enum verdict refused(int error) {
    errno = error;
    return REFUSED;
}

/* Count a call and say what becomes of it. `grows`: it needs space that a full disk has not. */
static enum verdict judged(const char *name, const char *path, int writes, int grows) {
    int number;
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST) || !below(path)) return GO_ON;
    number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (number == at && how == KILLED_BEFORE) kill(getpid(), SIGKILL);
    if (number == at && how == FAILS_EIO) return refused(EIO);
    if (number == at && how == FAILS_ENOSPC && grows) return refused(ENOSPC);
    if (number >= at && how == DIES) return refused(EIO);
    if (number == at && how == WRITES_HALF && grows) return writes ? HALF : refused(ENOSPC);
    if (number > at && how == WRITES_HALF && grows) return refused(ENOSPC);
    failing_disk_note(name, path);
    return number == at && how == KILLED_AFTER ? THEN_KILL : GO_ON;
}

static enum verdict judged_handle(const char *name, int handle, int writes, int grows) {
    char path[PATH_MAX];
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST)) return GO_ON;
    whole(handle, "", path);
    return judged(name, path, writes, grows);
}

static enum verdict judged_name(const char *name, int base, const char *given, int grows) {
    char path[PATH_MAX];
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST)) return GO_ON;
    whole(base, given, path);
    return judged(name, path, 0, grows);
}

#define DO(verdict, call) \
    if ((verdict) == REFUSED) return -1; \
    { __typeof__(call) result = (call); if ((verdict) == THEN_KILL) kill(getpid(), SIGKILL); return result; }

/* Opening: only what may create or write is noted as such; every open is counted. */
static const char *opening(int flags) { return flags & O_CREAT ? "create" : "open"; }

#define OPEN(symbol) \
    int symbol(const char *path, int flags, ...) { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        enum verdict verdict = judged_name(opening(flags), AT_FDCWD, path, (flags & O_CREAT) && is_new(AT_FDCWD, path)); \
        DO(verdict, REAL(int (*)(const char *, int, ...), #symbol)(path, flags, mode)) \
    }
#define OPENAT(symbol) \
    int symbol(int base, const char *path, int flags, ...) { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        enum verdict verdict = judged_name(opening(flags), base, path, (flags & O_CREAT) && is_new(base, path)); \
        DO(verdict, REAL(int (*)(int, const char *, int, ...), #symbol)(base, path, flags, mode)) \
    }
#define CREAT(symbol) \
    int symbol(const char *path, mode_t mode) { \
        enum verdict verdict = judged_name("create", AT_FDCWD, path, 1); \
        DO(verdict, REAL(int (*)(const char *, mode_t), #symbol)(path, mode)) \
    }
#define PWRITE(symbol, offset) \
    ssize_t symbol(int handle, const void *bytes, size_t count, offset place) { \
        enum verdict verdict = judged_handle("write", handle, 1, 1); \
        if (verdict == HALF && count < 2) return refused(ENOSPC), -1; \
        if (verdict == HALF) count /= 2; \
        DO(verdict, REAL(ssize_t (*)(int, const void *, size_t, offset), #symbol)(handle, bytes, count, place)) \
    }
#define HANDLE(symbol, name) \
    int symbol(int handle) { \
        enum verdict verdict = judged_handle(name, handle, 0, 0); \
        DO(verdict, REAL(int (*)(int), #symbol)(handle)) \
    }
#define RESIZE(symbol, offset) \
    int symbol(int handle, offset length) { \
        enum verdict verdict = judged_handle("write", handle, 0, gets_longer(handle, length)); \
        DO(verdict, REAL(int (*)(int, offset), #symbol)(handle, length)) \
    }
/* This one gives its error back instead of setting errno. */
#define ALLOCATE(symbol, offset) \
    int symbol(int handle, offset from, offset length) { \
        enum verdict verdict = judged_handle("write", handle, 0, 1); \
        if (verdict == REFUSED) return errno; \
        DO(verdict, REAL(int (*)(int, offset, offset), #symbol)(handle, from, length)) \
    }

OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64) CREAT(creat) CREAT(creat64)
PWRITE(pwrite, off_t) PWRITE(pwrite64, off64_t)
HANDLE(fsync, "sync") HANDLE(fdatasync, "sync")
RESIZE(ftruncate, off_t) RESIZE(ftruncate64, off64_t)
ALLOCATE(posix_fallocate, off_t) ALLOCATE(posix_fallocate64, off64_t)

ssize_t write(int handle, const void *bytes, size_t count) {
    enum verdict verdict = judged_handle("write", handle, 1, 1);
    if (verdict == HALF && count < 2) return refused(ENOSPC), -1;
    if (verdict == HALF) count /= 2;
    DO(verdict, REAL(ssize_t (*)(int, const void *, size_t), "write")(handle, bytes, count))
}

ssize_t writev(int handle, const struct iovec *parts, int count) {
    enum verdict verdict = judged_handle("write", handle, 1, 1);
    if (verdict == HALF) /* half of the first part */
        return REAL(ssize_t (*)(int, const void *, size_t), "write")(handle, parts[0].iov_base, parts[0].iov_len / 2);
    DO(verdict, REAL(ssize_t (*)(int, const struct iovec *, int), "writev")(handle, parts, count))
}

static enum verdict judged_pair(const char *name, int old_base, const char *old, int base, const char *new) {
    char from[PATH_MAX], to[PATH_MAX], both[2 * PATH_MAX];
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST)) return GO_ON;
    whole(old_base, old, from), whole(base, new, to);
    snprintf(both, sizeof both, "%s\t%s", to, from);
    return judged(name, both, 0, 1);
}

int renameat2(int old_base, const char *old, int base, const char *new, unsigned int flags) {
    enum verdict verdict = judged_pair("rename", old_base, old, base, new);
    DO(verdict, REAL(int (*)(int, const char *, int, const char *, unsigned int), "renameat2")(old_base, old, base, new, flags))
}
int renameat(int old_base, const char *old, int base, const char *new) {
    enum verdict verdict = judged_pair("rename", old_base, old, base, new);
    DO(verdict, REAL(int (*)(int, const char *, int, const char *), "renameat")(old_base, old, base, new))
}
int rename(const char *old, const char *new) {
    enum verdict verdict = judged_pair("rename", AT_FDCWD, old, AT_FDCWD, new);
    DO(verdict, REAL(int (*)(const char *, const char *), "rename")(old, new))
}
int link(const char *old, const char *new) {
    enum verdict verdict = judged_name("create", AT_FDCWD, new, 1);
    DO(verdict, REAL(int (*)(const char *, const char *), "link")(old, new))
}
int linkat(int old_base, const char *old, int base, const char *new, int flags) {
    enum verdict verdict = judged_name("create", base, new, 1);
    DO(verdict, REAL(int (*)(int, const char *, int, const char *, int), "linkat")(old_base, old, base, new, flags))
}
int unlink(const char *path) {
    enum verdict verdict = judged_name("remove", AT_FDCWD, path, 0);
    DO(verdict, REAL(int (*)(const char *), "unlink")(path))
}
int unlinkat(int base, const char *path, int flags) {
    enum verdict verdict = judged_name("remove", base, path, 0);
    DO(verdict, REAL(int (*)(int, const char *, int), "unlinkat")(base, path, flags))
}
int mkdir(const char *path, mode_t mode) {
    enum verdict verdict = judged_name("create", AT_FDCWD, path, 1);
    DO(verdict, REAL(int (*)(const char *, mode_t), "mkdir")(path, mode))
}
int mkdirat(int base, const char *path, mode_t mode) {
    enum verdict verdict = judged_name("create", base, path, 1);
    DO(verdict, REAL(int (*)(int, const char *, mode_t), "mkdirat")(base, path, mode))
}

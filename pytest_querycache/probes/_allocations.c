/* Counts what Python code requests from CPython's allocators: blocks and bytes.

   What is counted
   ---------------
   Requests to the MEM and OBJ domains, while the hook is installed, by the threads that count.

   malloc    one block, the requested bytes.
   calloc    one block, elements times their size.
   realloc   one block, the full new size, whether the block grows, shrinks, or did not exist before.
             The old size is not known without a header in front of every block, and a header means that
             one day a block is freed by an allocator that never gave it. The full size is also the honest
             upper bound of the work: a block that cannot grow in place is copied as a whole, and runtimes
             without realloc allocate the new array in full. The figure depends on nothing but the sequence
             of requests, so the same code gives the same figure.
   free      nothing; its function is not even replaced.

   A request counts whether or not it could be met, because that is the same on every machine; only one of
   4 GiB or more counts after it was met, or a test that provokes a MemoryError would drown its own figures.
   What CPython serves from its free lists never reaches an allocator and is not counted. The RAW domain is
   used without the GIL and is not counted, nor is what C libraries get from malloc or mmap themselves.

   Why it is safe to install
   -------------------------
   A block always goes back to the allocator that gave it, because the wrapper hands every pointer through
   untouched and leaves `free` and `ctx` of the allocator below in place: what stands in CPython's table is
   {ctx of the allocator below, our malloc, our calloc, our realloc, free of the allocator below}. A thread
   that reads this table while it is being written sees a mixture of old and new functions with the one
   right ctx; our functions ignore the ctx they are given. Every mixture works.

   Hooks of others come and go in any order, and may keep a copy of our functions for ever. Therefore:
   - each installation over a new allocator takes a place of its own, with its own functions, and what a
     place forwards to is written once and never again. A chain of allocators can so never be closed to a
     ring: a new place has no one in front of it, and using an old place again adds no new link;
   - there are as many places as PLACES says; after that install() raises instead of taking a risk. In
     an ordinary session the first place is used again and again;
   - uninstall() puts the allocator below back only when CPython's table holds exactly what we put there.
     Otherwise somebody stands on top and forwards to us, or has removed us; the hook stays where it is,
     and only stops counting;
   - only one place counts at any time, so a buried hook and a newer one never count a request twice.
   The one ring we cannot prevent is PyMem_SetupDebugHooks() called by an embedding program while we stand
   over the debug hooks: it puts one static set of hooks into the chain twice. No Python code can do this.

   When figures cannot be used
   ---------------------------
   Span.reason says why. A hook over ours voids a span even when it was there before the span and is still
   there after it: requests do reach us through it, but it may swallow requests or make some of its own, and
   counts are comparable only when no tracer changes them. A hook under ours does not: it sees requests only
   after they were counted. (The tracer it belongs to may request memory in other ways, as memray's profile
   function does; whether a tracer runs is for those to ask who compare figures.) A hook that was put over
   ours and taken away again within the span is not seen; tracemalloc and memray, which forward every
   request, do not make the figures wrong then.

   Threads
   -------
   exclude_other_threads() leaves out the threads that exist now. CPython numbers thread states from 1 up
   and never uses a number twice, unlike thread idents, which the operating system gives to the next thread
   at once; so "exists now" is "has a number up to the one just given out". A thread of C code gets a new
   thread state each time it calls into Python; it is known by the mark an earlier request has left in
   its thread-local memory. Each thread looks itself up once and then remembers the answer there.

   Interpreters
   ------------
   The counters belong to the process, so only the main interpreter can import this module: the others get
   an ImportError, whether they have a GIL of their own or share it. From 3.12 on another interpreter may
   run beside the main one without sharing its GIL and make the counters lose an addition; a span during
   whose first or last moment another interpreter is alive therefore gives a reason. An interpreter that is
   made and ended within the span, by the thread that takes it, is counted like everything else there.

   Tested and not tested
   ---------------------
   Tested: default builds of CPython 3.10 to 3.13 on Linux (x86-64), with pymalloc, malloc and debug
   allocators. Not tested: free-threaded builds. There the additions are atomic and the hooks order their
   reads behind the table's, so figures and forwarding should be right, at the price of contention; whoever
   has such a build should run tests/probes/test_allocations.py on it before trusting the figures. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

#if defined(PYPY_VERSION) || defined(GRAALVM_PYTHON)
#error "The allocation counter hooks CPython's allocators; other implementations have none to hook."
#endif

#if defined(_MSC_VER)
#define THREAD_LOCAL __declspec(thread)
#define NOINLINE __declspec(noinline)
#define LIKELY(condition) (condition)
#elif defined(__GNUC__) || defined(__clang__)
/* glibc keeps room for small variables of libraries loaded late; this model reads them with one
   instruction instead of a call. musl refuses it, macOS has its own. */
#if defined(__GLIBC__)
#define THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#else
#define THREAD_LOCAL __thread
#endif
#define NOINLINE __attribute__((noinline))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define THREAD_LOCAL _Thread_local
#define NOINLINE
#define LIKELY(condition) (condition)
#else
#error "The allocation counter needs a compiler with thread-local variables."
#endif

/* In the default build the GIL orders every access to the MEM and OBJ domains, and to the variables here. */
#if !defined(Py_GIL_DISABLED)
#define ADD(counter, amount) ((counter) += (amount))
#define READ(counter) (counter)
#define READ_EPOCH(epoch) (epoch)
#define WRITE_EPOCH(epoch, value) ((epoch) = (value))
#define ORDER_READS() ((void)0)
#define ORDER_ALL() ((void)0)
#elif defined(_MSC_VER)
#include <intrin.h>
#define ADD(counter, amount) ((void)_InterlockedExchangeAdd64((volatile __int64 *)&(counter), (__int64)(amount)))
#define READ(counter) ((uint64_t)_InterlockedOr64((volatile __int64 *)&(counter), 0))
#define READ_EPOCH(epoch) (*(volatile uint32_t *)&(epoch))
#define WRITE_EPOCH(epoch, value) ((void)_InterlockedExchange((volatile long *)&(epoch), (long)(value)))
#if defined(_M_ARM64)
#define ORDER_READS() __dmb(_ARM64_BARRIER_ISHLD)
#define ORDER_ALL() __dmb(_ARM64_BARRIER_ISH)
#else
#define ORDER_READS() _ReadWriteBarrier()
#define ORDER_ALL() _ReadWriteBarrier()
#endif
#else
#define ADD(counter, amount) ((void)__atomic_fetch_add(&(counter), (amount), __ATOMIC_RELAXED))
#define READ(counter) __atomic_load_n(&(counter), __ATOMIC_RELAXED)
#define READ_EPOCH(epoch) __atomic_load_n(&(epoch), __ATOMIC_RELAXED)
#define WRITE_EPOCH(epoch, value) __atomic_store_n(&(epoch), (value), __ATOMIC_SEQ_CST)
#define ORDER_READS() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define ORDER_ALL() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* ------------------------------------------------------------------------------------------------------
   State of the process
   ------------------------------------------------------------------------------------------------------ */

#define PLACES 8
#define NOWHERE (-1)

/* Epochs are even and grow whenever the set of counting threads changes. A thread's mark is the epoch in
   which it last looked itself up, plus one if it does not count; 0 for a thread that never did. */
#define FIRST_EPOCH 2u
#define NEVER 1u            /* the epoch of a place that does not count: no thread's mark is ever 1 */
#define PROBING UINT32_MAX  /* a mark: note which places the next request passes, and count nothing */

typedef struct {
    uint32_t epoch;         /* current_epoch while this place counts, NEVER otherwise */
    int used;               /* `below` has been written, and will not be again */
    PyMemAllocatorEx below[2];
} Place;

static struct {
    uint64_t bytes;
    uint64_t blocks;
} counted;

#define UNUSED_PLACE { NEVER, 0, { { NULL, NULL, NULL, NULL, NULL }, { NULL, NULL, NULL, NULL, NULL } } }
static Place places[PLACES] = {
    UNUSED_PLACE, UNUSED_PLACE, UNUSED_PLACE, UNUSED_PLACE,
    UNUSED_PLACE, UNUSED_PLACE, UNUSED_PLACE, UNUSED_PLACE,
};

static int active = NOWHERE;                    /* the place that counts */
static uint32_t current_epoch = FIRST_EPOCH;
static int excludes_older_threads = 0;
static uint64_t newest_older_thread = 0;        /* number of the youngest thread state left out */
static uint64_t installations = 0;              /* how often counting began */
static uint64_t forks = 0;
static int watches_forks = 0;

static THREAD_LOCAL struct {
    uint32_t epoch;
    uint32_t reached;       /* places passed while PROBING, one bit each */
} mark;

static const PyMemAllocatorDomain domains[2] = { PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ };
enum { MEM, OBJ };

/* ------------------------------------------------------------------------------------------------------
   The hooks
   ------------------------------------------------------------------------------------------------------ */

/* Does the running thread count? Looks it up if it has not been in this epoch. */
static int
this_thread_counts(uint32_t epoch)
{
    PyThreadState *thread;
    int counts;

    if (mark.epoch == epoch) {
        return 1;
    }
    if (mark.epoch == epoch + 1) {
        return 0;
    }
    thread = PyGILState_GetThisThreadState();
    if (thread == NULL) {
        return 0;  /* on its way in or out: nothing worth remembering */
    }
    if (PyThreadState_GetInterpreter(thread) != PyInterpreterState_Main()) {
        return 0;  /* a visit to another interpreter, where numbers begin at 1 again */
    }
    /* A mark from an earlier epoch proves that the thread is older than this one. */
    counts = !excludes_older_threads
             || (mark.epoch == 0 && PyThreadState_GetID(thread) > newest_older_thread);
    mark.epoch = counts ? epoch : epoch + 1;
    return counts;
}

static void
count_with_care(int place, uint64_t size)
{
    uint32_t epoch;

    if (mark.epoch == PROBING) {
        mark.reached |= 1u << place;
        return;
    }
    epoch = READ_EPOCH(places[place].epoch);
    if (epoch != NEVER && this_thread_counts(epoch)) {
        ADD(counted.bytes, size);
        ADD(counted.blocks, 1);
    }
}

/* Whether a request can be counted at once: by a thread known to count, and not of 4 GiB or more. */
static inline int
is_plain(int place, uint64_t size)
{
    return LIKELY(((size >> 32) | (mark.epoch ^ READ_EPOCH(places[place].epoch))) == 0);
}

static inline void
count(uint64_t size)
{
    ADD(counted.bytes, size);
    ADD(counted.blocks, 1);
}

static inline int
is_countable(uint64_t size, const void *block)
{
    return (size >> 32) == 0 || block != NULL;
}

static NOINLINE void *
malloc_with_care(int place, int domain, size_t size)
{
    const PyMemAllocatorEx *below = &places[place].below[domain];
    void *block = below->malloc(below->ctx, size);
    if (is_countable(size, block)) {
        count_with_care(place, size);
    }
    return block;
}

static NOINLINE void *
calloc_with_care(int place, int domain, size_t elements, size_t element_size)
{
    const PyMemAllocatorEx *below = &places[place].below[domain];
    void *block = below->calloc(below->ctx, elements, element_size);
    if (is_countable((uint64_t)elements * element_size, block)) {
        count_with_care(place, (uint64_t)elements * element_size);
    }
    return block;
}

static NOINLINE void *
realloc_with_care(int place, int domain, void *old_block, size_t size)
{
    const PyMemAllocatorEx *below = &places[place].below[domain];
    void *block = below->realloc(below->ctx, old_block, size);
    if (is_countable(size, block)) {
        count_with_care(place, size);
    }
    return block;
}

/* The functions of one domain in one place. Everything they need has a fixed address, so a request costs
   one thread-local read, one comparison, two additions and a jump into the allocator below. */
#define HOOKS(domain, place)                                                                     \
    static void *malloc_##domain##_##place(void *ctx, size_t size)                               \
    {                                                                                            \
        (void)ctx;                                                                               \
        ORDER_READS();                                                                           \
        if (!is_plain(place, size)) {                                                            \
            return malloc_with_care(place, domain, size);                                        \
        }                                                                                        \
        count(size);                                                                             \
        return places[place].below[domain].malloc(places[place].below[domain].ctx, size);        \
    }                                                                                            \
    static void *calloc_##domain##_##place(void *ctx, size_t elements, size_t element_size)      \
    {                                                                                            \
        (void)ctx;                                                                               \
        ORDER_READS();                                                                           \
        if (!is_plain(place, (uint64_t)elements * element_size)) {                               \
            return calloc_with_care(place, domain, elements, element_size);                      \
        }                                                                                        \
        count((uint64_t)elements * element_size);                                                \
        return places[place].below[domain].calloc(places[place].below[domain].ctx, elements,     \
                                                  element_size);                                 \
    }                                                                                            \
    static void *realloc_##domain##_##place(void *ctx, void *block, size_t size)                 \
    {                                                                                            \
        (void)ctx;                                                                               \
        ORDER_READS();                                                                           \
        if (!is_plain(place, size)) {                                                            \
            return realloc_with_care(place, domain, block, size);                                \
        }                                                                                        \
        count(size);                                                                             \
        return places[place].below[domain].realloc(places[place].below[domain].ctx, block, size);\
    }

#define PLACE(place) HOOKS(MEM, place) HOOKS(OBJ, place)
PLACE(0) PLACE(1) PLACE(2) PLACE(3) PLACE(4) PLACE(5) PLACE(6) PLACE(7)

typedef struct {
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
} Functions;

#define FUNCTIONS(domain, place) { malloc_##domain##_##place, calloc_##domain##_##place, realloc_##domain##_##place }
#define BOTH(place) { FUNCTIONS(MEM, place), FUNCTIONS(OBJ, place) }
static const Functions functions[PLACES][2] = {
    BOTH(0), BOTH(1), BOTH(2), BOTH(3), BOTH(4), BOTH(5), BOTH(6), BOTH(7),
};

/* ------------------------------------------------------------------------------------------------------
   Putting them in and taking them out
   ------------------------------------------------------------------------------------------------------ */

static int
is_same_allocator(const PyMemAllocatorEx *one, const PyMemAllocatorEx *other)
{
    return one->ctx == other->ctx && one->malloc == other->malloc && one->calloc == other->calloc
           && one->realloc == other->realloc && one->free == other->free;
}

/* What stands in CPython's table while `place` is installed in `domain`. */
static PyMemAllocatorEx
hook_of(int place, int domain)
{
    PyMemAllocatorEx hook = places[place].below[domain];
    hook.malloc = functions[place][domain].malloc;
    hook.calloc = functions[place][domain].calloc;
    hook.realloc = functions[place][domain].realloc;
    return hook;
}

static int
is_on_top_in(int place, int domain)
{
    PyMemAllocatorEx top, hook;

    if (!places[place].used) {
        return 0;
    }
    hook = hook_of(place, domain);
    PyMem_GetAllocator(domains[domain], &top);
    return is_same_allocator(&top, &hook);
}

static int
is_on_top(int place)
{
    return is_on_top_in(place, MEM) && is_on_top_in(place, OBJ);
}

/* The places that one request to each domain passes through, whoever stands on top. Counts nothing. */
static uint32_t
places_reached(void)
{
    uint32_t epoch = mark.epoch, by_mem, by_obj;

    mark.epoch = PROBING;
    mark.reached = 0;
    PyMem_Free(PyMem_Malloc(1));
    by_mem = mark.reached;
    mark.reached = 0;
    PyObject_Free(PyObject_Malloc(1));
    by_obj = mark.reached;
    mark.epoch = epoch;
    return by_mem & by_obj;
}

static int
requests_arrive(void)
{
    return active != NOWHERE && (is_on_top(active) || (places_reached() >> active & 1));
}

static void
stop_counting(void)
{
    if (active != NOWHERE) {
        WRITE_EPOCH(places[active].epoch, NEVER);
        active = NOWHERE;
    }
}

static void
begin_counting(int place)
{
    active = place;
    installations++;
    WRITE_EPOCH(places[place].epoch, current_epoch);
    (void)this_thread_counts(current_epoch);  /* looked up here, not within the first span */
}

/* A place that is on top already, else one that forwards to what is on top now, else a new one. */
static int
find_place(void)
{
    PyMemAllocatorEx top[2];
    int place;

    for (place = 0; place < PLACES; place++) {
        if (is_on_top(place)) {
            return place;
        }
    }
    PyMem_GetAllocator(domains[MEM], &top[MEM]);
    PyMem_GetAllocator(domains[OBJ], &top[OBJ]);
    for (place = 0; place < PLACES && places[place].used; place++) {
        if (is_same_allocator(&places[place].below[MEM], &top[MEM])
            && is_same_allocator(&places[place].below[OBJ], &top[OBJ])) {
            return place;
        }
    }
    if (place == PLACES) {
        return NOWHERE;
    }
    places[place].below[MEM] = top[MEM];
    places[place].below[OBJ] = top[OBJ];
    places[place].used = 1;
    ORDER_ALL();  /* nobody may see our functions before they know where to forward to */
    return place;
}

static PyObject *
install(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    int place, domain;

    if (requests_arrive()) {
        Py_RETURN_NONE;
    }
    stop_counting();
    place = find_place();
    if (place == NOWHERE) {
        PyErr_SetString(PyExc_RuntimeError,
                        "other allocator hooks have displaced the allocation counter too often in this "
                        "process; start a new one to count again");
        return NULL;
    }
    if (!is_on_top(place)) {
        for (domain = MEM; domain <= OBJ; domain++) {
            PyMemAllocatorEx hook = hook_of(place, domain);
            PyMem_SetAllocator(domains[domain], &hook);
        }
    }
    begin_counting(place);
    Py_RETURN_NONE;
}

/* Takes out every hook of ours that lies open on top of `domain`; returns their places, one bit each. */
static uint32_t
uncover(int domain)
{
    uint32_t taken_out = 0;
    int place = 0;

    while (place < PLACES) {
        if (is_on_top_in(place, domain)) {
            PyMem_SetAllocator(domains[domain], &places[place].below[domain]);
            taken_out |= 1u << place;
            place = 0;  /* under it another of ours may have come to light */
        }
        else {
            place++;
        }
    }
    return taken_out;
}

static PyObject *
uninstall(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    uint32_t wanted = active == NOWHERE ? UINT32_MAX : 1u << active;
    uint32_t from_mem, from_obj;

    stop_counting();
    from_mem = uncover(MEM);
    from_obj = uncover(OBJ);
    return PyBool_FromLong((from_mem & from_obj & wanted) != 0);
}

static PyObject *
is_installed(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(requests_arrive());
}

static PyObject *
is_intact(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(active != NOWHERE && is_on_top(active));
}

static PyObject *
totals(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return Py_BuildValue("(KK)", (unsigned long long)READ(counted.bytes),
                         (unsigned long long)READ(counted.blocks));
}

static PyObject *
set_totals(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    unsigned long long bytes, blocks;

    if (!PyArg_ParseTuple(arguments, "KK", &bytes, &blocks)) {
        return NULL;
    }
    counted.bytes = bytes;
    counted.blocks = blocks;
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------------------------------------------
   Which threads count
   ------------------------------------------------------------------------------------------------------ */

static void
begin_epoch(void)
{
    current_epoch += 2;
    mark.epoch = current_epoch;  /* whoever asks, counts */
    if (active != NOWHERE) {
        WRITE_EPOCH(places[active].epoch, current_epoch);
    }
}

static PyObject *
exclude_other_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    /* Every thread state made from now on gets a higher number than this one, which is made to be asked.
       The list of thread states would tell as much, but others may change it while we hold the GIL. */
    PyThreadState *newest = PyThreadState_New(PyInterpreterState_Main());
    if (newest == NULL) {
        return PyErr_NoMemory();
    }
    newest_older_thread = PyThreadState_GetID(newest);
    PyThreadState_Clear(newest);
    PyThreadState_Delete(newest);
    excludes_older_threads = 1;
    begin_epoch();
    Py_RETURN_NONE;
}

static PyObject *
include_all_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    excludes_older_threads = 0;
    begin_epoch();
    Py_RETURN_NONE;
}

static PyObject *
note_fork(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    forks++;
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------------------------------------------
   Span
   ------------------------------------------------------------------------------------------------------ */

typedef struct {
    PyObject_HEAD
    uint64_t bytes;             /* the reading at the start, then the difference */
    uint64_t blocks;
    uint64_t installations;
    uint64_t forks;
    uint32_t epoch;
    int running;
    int stopped;
    const char *reason;         /* static text, NULL when the figures can be used */
} Span;

static int
another_interpreter_runs(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyInterpreterState_Head() != PyInterpreterState_Main();
#else
    return 0;  /* they all share the one GIL */
#endif
}

/* What makes a reading worthless here and now, or NULL. */
static const char *
obstacle(const char *covered, const char *missing)
{
    if (active == NOWHERE) {
        return missing;
    }
    if (!is_on_top(active)) {
        return (places_reached() >> active & 1) ? covered : missing;
    }
    if (another_interpreter_runs()) {
        return "another interpreter was running beside the main one";
    }
    if (!this_thread_counts(current_epoch)) {
        return "the thread that took the reading is excluded from the count";
    }
    return NULL;
}

static PyObject *
span_start(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    Span *span = (Span *)object;

    span->reason = obstacle("another allocator hook stands over the allocation counter",
                            "the allocation counter is not installed");
    span->installations = installations;
    span->forks = forks;
    span->epoch = current_epoch;
    span->running = 1;
    span->stopped = 0;
    span->bytes = READ(counted.bytes);
    span->blocks = READ(counted.blocks);
    Py_RETURN_NONE;
}

static const char *
why_unusable(const Span *span, uint64_t bytes, uint64_t blocks)
{
    if (span->reason != NULL) {
        return span->reason;
    }
    if (span->forks != forks) {
        return "the process forked during the measurement";
    }
    if (active != NOWHERE && span->installations != installations) {
        return "the allocation counter was taken out and installed again during the measurement";
    }
    if (active != NOWHERE && span->epoch != current_epoch) {
        return "the threads to count were changed during the measurement";
    }
    if (bytes < span->bytes || blocks < span->blocks) {
        return "the counters overflowed or went backwards during the measurement";
    }
    return obstacle("another allocator hook was put over the allocation counter during the measurement",
                    "the allocation counter was removed during the measurement");
}

static PyObject *
span_stop(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    Span *span = (Span *)object;
    uint64_t bytes = READ(counted.bytes);
    uint64_t blocks = READ(counted.blocks);

    if (!span->running) {
        Py_RETURN_NONE;  /* a second stop leaves the figures of the first */
    }
    span->reason = why_unusable(span, bytes, blocks);
    span->bytes = bytes < span->bytes ? 0 : bytes - span->bytes;
    span->blocks = blocks < span->blocks ? 0 : blocks - span->blocks;
    span->running = 0;
    span->stopped = 1;
    Py_RETURN_NONE;
}

static PyObject *
span_bytes(PyObject *object, void *Py_UNUSED(closure))
{
    Span *span = (Span *)object;
    return PyLong_FromUnsignedLongLong(span->stopped ? span->bytes : 0);
}

static PyObject *
span_blocks(PyObject *object, void *Py_UNUSED(closure))
{
    Span *span = (Span *)object;
    return PyLong_FromUnsignedLongLong(span->stopped ? span->blocks : 0);
}

static PyObject *
span_reason(PyObject *object, void *Py_UNUSED(closure))
{
    Span *span = (Span *)object;
    if (!span->stopped) {
        return PyUnicode_FromString(span->running ? "the measurement was not stopped"
                                                  : "the measurement was not started");
    }
    if (span->reason == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString(span->reason);
}

static void
span_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef span_methods[] = {
    {"start", span_start, METH_NOARGS, PyDoc_STR("Take the first reading; allocates nothing.")},
    {"stop", span_stop, METH_NOARGS, PyDoc_STR("Take the second reading; allocates nothing.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef span_getset[] = {
    {"bytes", span_bytes, NULL, PyDoc_STR("Bytes requested between start and stop."), NULL},
    {"blocks", span_blocks, NULL, PyDoc_STR("Blocks requested between start and stop."), NULL},
    {"reason", span_reason, NULL, PyDoc_STR("Why the figures cannot be used, or None."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot span_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("What was requested between two moments.")},
    {Py_tp_dealloc, (void *)span_dealloc},
    {Py_tp_methods, span_methods},
    {Py_tp_getset, span_getset},
    {0, NULL},
};

static PyType_Spec span_spec = {
    "pytest_querycache.probes._allocations.Span",
    sizeof(Span),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    span_slots,
};

/* ------------------------------------------------------------------------------------------------------
   The module
   ------------------------------------------------------------------------------------------------------ */

/* os.register_at_fork, unlike pthread_atfork, is not told of the fork in front of an exec, by which
   subprocess starts its programs on some systems and which changes nothing for us. */
static int
watch_forks(PyObject *module)
{
    PyObject *os = NULL, *register_at_fork = NULL, *noter = NULL, *none = NULL, *when = NULL, *done = NULL;

    if (watches_forks) {
        return 0;
    }
    os = PyImport_ImportModule("os");
    if (os == NULL) {
        return -1;
    }
    register_at_fork = PyObject_GetAttrString(os, "register_at_fork");
    Py_DECREF(os);
    if (register_at_fork == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();  /* a system without fork */
        return 0;
    }
    noter = PyObject_GetAttrString(module, "_note_fork");
    if (noter != NULL) {
        none = PyTuple_New(0);
        when = Py_BuildValue("{sOsO}", "after_in_child", noter, "after_in_parent", noter);
        if (none != NULL && when != NULL) {
            done = PyObject_Call(register_at_fork, none, when);
        }
    }
    Py_XDECREF(noter);
    Py_XDECREF(none);
    Py_XDECREF(when);
    Py_DECREF(register_at_fork);
    if (done == NULL) {
        return -1;
    }
    Py_DECREF(done);
    watches_forks = 1;
    return 0;
}

static int
execute(PyObject *module)
{
    PyObject *span;
    int added;

    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError,
                        "the allocation counter belongs to the whole process and can be imported "
                        "by the main interpreter only");
        return -1;
    }
    span = PyType_FromModuleAndSpec(module, &span_spec, NULL);
    if (span == NULL) {
        return -1;
    }
    added = PyModule_AddObjectRef(module, "Span", span);
    Py_DECREF(span);
    return added < 0 ? -1 : watch_forks(module);
}

static PyMethodDef module_methods[] = {
    {"install", install, METH_NOARGS,
     PyDoc_STR("Begin to count; does nothing when requests reach the counter already.")},
    {"uninstall", uninstall, METH_NOARGS,
     PyDoc_STR("Stop counting, and tell whether the hook could be taken out.")},
    {"is_installed", is_installed, METH_NOARGS,
     PyDoc_STR("Whether requests reach the counter, directly or through another hook.")},
    {"is_intact", is_intact, METH_NOARGS,
     PyDoc_STR("Whether the hook is where it was put, with nobody on top of it.")},
    {"totals", totals, METH_NOARGS, PyDoc_STR("All bytes and blocks counted so far.")},
    {"exclude_other_threads", exclude_other_threads, METH_NOARGS,
     PyDoc_STR("Count the calling thread and those started from now on, no others.")},
    {"include_all_threads", include_all_threads, METH_NOARGS, PyDoc_STR("Count every thread again.")},
    {"_note_fork", note_fork, METH_NOARGS, PyDoc_STR("Void the spans that are running.")},
    {"_set_totals", set_totals, METH_VARARGS,
     PyDoc_STR("Set the counters, so that tests can bring them to their limits.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "pytest_querycache.probes._allocations",
    PyDoc_STR("Counts the blocks and bytes requested from CPython's allocators."),
    0,
    module_methods,
    module_slots,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC
PyInit__allocations(void)
{
    return PyModuleDef_Init(&definition);
}

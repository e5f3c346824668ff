// How sanitized test programs behave, also when they are started without ctest. Part of every test executable.

#if defined(__SANITIZE_ADDRESS__)
#define SHMSEM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHMSEM_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define SHMSEM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHMSEM_TSAN 1
#endif
#endif

// handle_sigbus=0: it is the library that handles it, which it does only where nobody else does.
#ifdef SHMSEM_ASAN
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
    return "detect_stack_use_after_return=1:check_initialization_order=1:strict_init_order=1:handle_sigbus=0";
}
extern "C" const char* __ubsan_default_options();
extern "C" const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }
#endif

#ifdef SHMSEM_TSAN
extern "C" const char* __tsan_default_options();
// die_after_fork=0: tests fork processes that have threads, and the children start threads of their own; there, the threads that
// only the parent has would be called leaked.
extern "C" const char* __tsan_default_options() {
    return "halt_on_error=1:second_deadlock_stack=1:die_after_fork=0:report_thread_leaks=0:handle_sigbus=0";
}
// This ThreadSanitizer does not see pthread_mutex_clocklock, and takes the unlock that follows for one too many.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "mutex:shmsem::robust_mutex::unlock\n"; }
#endif

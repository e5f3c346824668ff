#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "os/testing.hpp"
#include "shmsem/worker_pool.hpp"
#include "support/shmsem_test.hpp"
#include "support/worker_pids.hpp"

// What a worker gets from its parent and what not; a kernel that refuses; other children of the same process.

namespace shmsem {
namespace {

using namespace std::chrono_literals;
using test::shared;
using test::tally;
using test::watchdog;
using context = worker_pool::context;

/// What a process that runs `body` writes to `stream` (1 or 2), to its end by exit().
std::string output_of(int stream, const std::function<void()>& body) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(ends[1], stream);
        ::close(ends[0]);
        ::close(ends[1]);
        body();
        std::exit(0);
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 512> buffer;
    for (ssize_t n; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(n));
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    return text;
}

std::size_t count(const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
}

TEST(WorkerPoolFork, WritesWhatWasBufferedOnceAndWhatWorkersPrintToo) {
    watchdog guard{60s};
    const std::string text = output_of(STDOUT_FILENO, [] {
        std::setvbuf(stdout, nullptr, _IOFBF, 65536);
        std::printf("buffered before;");
        worker_pool pool({.workers = 3, .restart = restart_policy::always, .initial_backoff = 1ns, .max_restarts = 1},
                         [](int index, const context& c) {
                             std::printf("worker %d.%d;", index, c.life());
                             return 0;
                         });
        pool.run();
        std::printf("after;");
    });
    EXPECT_EQ(count(text, "buffered before;"), 1U);
    EXPECT_EQ(count(text, "after;"), 1U);
    for (const char* line : {"worker 0.0;", "worker 1.0;", "worker 2.0;", "worker 0.1;", "worker 1.1;", "worker 2.1;"}) {
        EXPECT_EQ(count(text, line), 1U) << text;
    }
}

TEST(WorkerPoolFork, RunsExitHandlersAndStaticDestructorsOnlyInTheParent) {
    watchdog guard{60s};
    const std::string text = output_of(STDOUT_FILENO, [] {
        struct farewell {
            ~farewell() { std::printf("destroyed;"); }
        };
        static const farewell last;
        std::atexit([] { std::printf("exit handler;"); });
        worker_pool pool({.workers = 3, .restart = restart_policy::never}, [](int index, const context&) {
            if (index == 1) throw std::runtime_error("(this exception is wanted)");
            return 0;
        });
        pool.run();
    });
    EXPECT_EQ(text, "exit handler;destroyed;");
}

TEST(WorkerPoolFork, LeavesTheOthersAloneWhenAWorkerCallsExit) {
    watchdog guard{60s};
    shared<test::flag> left;
    output_of(STDOUT_FILENO, [&] {
        // Static: a worker that calls exit() runs its destructor, in the wrong process.
        static worker_pool pool({.workers = 2, .restart = restart_policy::never}, [&](int index, const context&) {
            if (index == 0) std::exit(5);
            left->wait();
            return 0;
        });
        pool.start();
        while (pool.exits().empty()) pool.poll(1h);
        if (pool.exits()[0].index != 0 || pool.exits()[0].status != 5) ::_exit(1);
        left->raise();
        while (pool.poll(1h)) {
        }
        if (pool.exits()[1].signalled) ::_exit(2);
    });
}

TEST(WorkerPoolFork, PrintsAnExceptionAndGivesStatus70) {
    watchdog guard{60s};
    shared<std::array<worker_exit, 3>> exits;
    const std::string text = output_of(STDERR_FILENO, [&] {
        worker_pool pool({.workers = 3, .restart = restart_policy::never}, [](int index, const context&) -> int {
            if (index == 0) throw std::runtime_error("no such luck");
            if (index == 1) throw 42;
            ::pthread_exit(nullptr);
        });
        pool.run();
        for (const worker_exit& e : pool.exits()) (*exits)[static_cast<std::size_t>(e.index)] = e;
    });
    for (const worker_exit& e : *exits) {
        EXPECT_FALSE(e.signalled);
        EXPECT_EQ(e.status, 70);
    }
    EXPECT_NE(text.find("worker 0 (pid " + std::to_string((*exits)[0].pid) + ", life 0): exception: no such luck\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("worker 1 (pid"), std::string::npos) << text;
    EXPECT_NE(text.find("unknown exception"), std::string::npos) << text;
}

TEST(WorkerPoolFork, GivesWorkersDefaultHandlersAndNoBlockedSignal) {
    watchdog guard{60s};
    test::in_child([] {
        ::signal(SIGUSR1, [](int) {});
        ::signal(SIGTERM, SIG_IGN);
        ::signal(SIGPIPE, SIG_IGN);
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
        worker_pool pool({.workers = 1, .handle_signals = false}, [](int, const context&) {
            const auto handler_of = [](int number) {
                struct sigaction action {};
                ::sigaction(number, nullptr, &action);
                return action.sa_handler;
            };
            int wrong = handler_of(SIGUSR1) == SIG_DFL ? 0 : 1;
            if (handler_of(SIGTERM) != SIG_DFL) wrong |= 2;
            if (handler_of(SIGPIPE) != SIG_IGN) wrong |= 4;  // ignored stays ignored, as through exec
            sigset_t mask;
            ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
            for (int n = 1; n < NSIG; ++n) {
                if (sigismember(&mask, n) == 1) wrong |= 8;
            }
            return wrong;
        });
        pool.start();
        while (pool.exits().empty()) pool.poll(1h);
        EXPECT_EQ(pool.exits()[0].status, 0);
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        EXPECT_EQ(sigismember(&mask, SIGUSR1), 1) << "the parent's mask is its own";
    });
}

TEST(WorkerPoolFork, KeepsItsSignalsWhileAPoolRunsInsideAWorker) {
    watchdog guard{60s};
    shared<tally> inner_lives;
    test::in_child([&] {
        worker_pool outer({.workers = 2}, [&](int index, const context& c) {
            worker_pool inner({.workers = 2, .initial_backoff = 1ns}, [&](int, const context& i) {
                inner_lives->add();
                return i.life() == 0 ? ::raise(SIGKILL) : 0;
            });
            const int result = inner.run();
            if (result != 0 || inner.restarts() != 2 || !test::all_gone(inner)) return 1;
            if (index == 0) ::kill(::getppid(), SIGTERM);
            while (!c.stopping()) std::this_thread::sleep_for(1ms);
            return 0;
        });
        EXPECT_EQ(outer.run(), 0);
    });
    EXPECT_EQ(inner_lives->value(), 8U);
}

TEST(WorkerPoolFork, DrainsAPoolInsideAWorkerOnItsOwn) {
    watchdog guard{60s};
    // SIGTERM to the worker, whose own pool then drains; the outer pool is not told and sees a good end.
    shared<tally> up;
    worker_pool outer({.workers = 1}, [&](int, const context& c) {
        worker_pool inner({.workers = 2}, [&](int, const context& i) {
            up->add();
            while (!i.stopping()) std::this_thread::sleep_for(1ms);
            return 0;
        });
        const int result = inner.run();
        return c.stopping() ? 9 : result;
    });
    outer.start();
    up->wait_for(2);
    ASSERT_EQ(::kill(outer.pid(0), SIGTERM), 0);
    while (outer.poll(1h)) {
    }
    EXPECT_FALSE(outer.exits()[0].signalled);
    EXPECT_EQ(outer.exits()[0].status, 0);
}

TEST(WorkerPoolFork, IsInertInAForkedProcess) {
    watchdog guard{60s};
    shared<test::flag> go;
    worker_pool pool({.workers = 1}, [&](int, const context&) {
        go->wait();
        return 0;
    });
    pool.start();
    test::in_child([&] {
        EXPECT_FALSE(pool.poll(1h));
        EXPECT_EQ(pool.run(), 1);
        pool.stop();
    });
    EXPECT_EQ(::kill(pool.pid(0), 0), 0);
    go->raise();
    while (pool.poll(1h)) {
    }
    EXPECT_EQ(pool.exits()[0].status, 0);
}

TEST(WorkerPoolOthers, AreNeverWaitedFor) {
    watchdog guard{60s};
    const pid_t foreign = ::fork();
    if (foreign == 0) ::_exit(33);
    worker_pool pool({.workers = 2, .initial_backoff = 1ns}, [](int, const context& c) { return c.life() < 3 ? 1 : 0; });
    EXPECT_EQ(pool.run(), 0);
    int status = 0;
    EXPECT_EQ(::waitpid(foreign, &status, 0), foreign);
    EXPECT_EQ(WEXITSTATUS(status), 33);
}

TEST(WorkerPoolOthers, MayTakeAStatusAwayButDoNotMakeItHang) {
    watchdog guard{60s};
    test::in_child([] {
        ::signal(SIGCHLD, SIG_IGN);  // the kernel collects every child itself
        worker_pool pool({.workers = 2, .restart = restart_policy::never}, [](int, const context&) { return 0; });
        EXPECT_EQ(pool.run(), 1);
        ASSERT_EQ(pool.exits().size(), 2U);
        for (const worker_exit& e : pool.exits()) EXPECT_EQ(e.status, -1);
    });
}

// The same life with and without what the kernel offers.
void live_through_everything() {
    shared<tally> up;
    worker_pool pool({.workers = 3, .initial_backoff = 1ns, .stop_timeout = 20ms}, [&](int index, const context& c) -> int {
        if (c.life() == 0) return index == 0 ? ::raise(SIGKILL) : 4;
        ::signal(SIGTERM, SIG_IGN);
        up->add();
        for (;;) ::pause();
    });
    pool.start();
    while (pool.restarts() < 3) ASSERT_TRUE(pool.poll(1h));
    up->wait_for(3);
    pool.stop();
    EXPECT_EQ(pool.restarts(), 3U);
    ASSERT_EQ(pool.exits().size(), 6U);
    for (const worker_exit& e : pool.exits()) {
        EXPECT_EQ(e.status, e.life == 0 && e.index != 0 ? 4 : SIGKILL);
    }
    EXPECT_TRUE(test::all_gone(pool));
}

TEST(WorkerPoolKernel, WithProcessDescriptors) {
    watchdog guard{60s};
    live_through_everything();
}

TEST(WorkerPoolKernel, WithoutProcessDescriptors) {
    watchdog guard{60s};
    os::testing::refuse(os::syscall_kind::pidfd);
    live_through_everything();
    os::testing::allow_all();
}

TEST(WorkerPoolKernel, WithASandboxThatRefusesThem) {
    watchdog guard{60s};
    test::in_child([] {
        const auto refuse = [](auto number) {
            return std::array{sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1)),
                              sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM))};
        };
        const auto open = refuse(SYS_pidfd_open);
        const auto send = refuse(SYS_pidfd_send_signal);
        std::array<sock_filter, 6> filter{sock_filter(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))),
                                          open[0],
                                          open[1],
                                          send[0],
                                          send[1],
                                          sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW))};
        const sock_fprog program{.len = filter.size(), .filter = filter.data()};
        ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
        live_through_everything();
    });
}

// From now on this process belongs to a user who has no other, if it may choose, and can fork `n` more. Root is not bound by that
// limit, so it steps down. Threads count as well.
bool limit_forks(rlim_t n) {
    rlim_t threads = 0;
    for ([[maybe_unused]] const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) ++threads;
    if (::geteuid() == 0) {
        const auto user = static_cast<uid_t>(1'000'000'000 + ::getpid());
        if (::setresuid(user, user, user) != 0) return false;
    }
    rlimit limit{};
    ::getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = std::min(threads + n, limit.rlim_max);
    return ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

TEST(WorkerPoolKernel, CountsAFailedForkAsOneMoreFailedLife) {
    watchdog guard{60s};
    test::in_child([] {
        shared<test::flag> go;
        worker_pool pool({.workers = 1, .initial_backoff = 1ns, .max_restarts = 6}, [&](int, const context&) {
            go->wait();
            return 1;
        });
        pool.start();
        ASSERT_TRUE(limit_forks(0));
        go->raise();
        while (pool.poll(1h)) {
        }
        EXPECT_EQ(pool.restarts(), 0U);
        EXPECT_EQ(pool.exits().size(), 1U);
    });
}

TEST(WorkerPoolKernel, RestartsAsSoonAsForkWorksAgain) {
    watchdog guard{60s};
    test::in_child([] {
        shared<test::flag> go;
        worker_pool pool({.workers = 1, .initial_backoff = 1ms, .max_backoff = 2ms}, [&](int, const context& c) {
            if (c.life() == 1) return 0;
            go->wait();
            return 1;
        });
        pool.start();
        ASSERT_TRUE(limit_forks(0));
        go->raise();
        for (int events = 0; events < 5; ++events) ASSERT_TRUE(pool.poll(1h));  // the exit, then fork failing
        EXPECT_EQ(pool.restarts(), 0U);
        ASSERT_TRUE(limit_forks(100'000));
        while (pool.poll(1h)) {
        }
        EXPECT_EQ(pool.restarts(), 1U);
        EXPECT_EQ(pool.exits().back().status, 0);
    });
}

TEST(WorkerPoolKernel, StopsThoseAlreadyStartedWhenTheFirstForksFail) {
    if (::geteuid() != 0) GTEST_SKIP() << "this user may have other processes";
    watchdog guard{60s};
    test::in_child([] {
        ASSERT_TRUE(limit_forks(1));
        worker_pool pool({.workers = 3}, [](int, const context&) -> int {
            for (;;) ::pause();
        });
        EXPECT_THROW(pool.start(), std::system_error);
        EXPECT_EQ(pool.running(), 0);
        EXPECT_EQ(pool.exits().size(), 1U);
        EXPECT_TRUE(test::all_gone(pool));
        EXPECT_FALSE(pool.poll(1h));
    });
}

}  // namespace
}  // namespace shmsem

#include "fuzz/image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "fuzz/damage.hpp"
#include "fuzz/plausible.hpp"
#include "fuzz/user.hpp"
#include "support/build_kind.hpp"

namespace shmsem::fuzz {

using namespace std::chrono_literals;

/// A thread that does one thing after the other, when it is told to.
class helper {
   public:
    helper() : thread_([this](const std::stop_token& ended) { run(ended); }) {}

    void begin(std::function<void()> work) {
        {
            const std::lock_guard guard(lock_);
            work_ = std::move(work);
        }
        changed_.notify_all();
    }
    void finish() {
        std::unique_lock guard(lock_);
        changed_.wait(guard, [this] { return !work_; });
    }

   private:
    void run(const std::stop_token& ended) {
        std::unique_lock guard(lock_);
        while (changed_.wait(guard, ended, [this] { return static_cast<bool>(work_); })) {
            guard.unlock();
            work_();
            guard.lock();
            work_ = {};
            changed_.notify_all();
        }
    }

    std::mutex lock_;
    std::condition_variable_any changed_;
    std::function<void()> work_;
    std::jthread thread_;
};

namespace {

constexpr int most_rounds = 24;
constexpr std::chrono::seconds liveness{30 * test::slowness};

std::size_t threads_here() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
    return count;
}

/// The file of one image. Its name is there as long as it is.
class image_file {
   public:
    image_file(const std::string& name, const picture& begin)
        : begin_(begin),
          path_("/dev/shm/shmsem." + name),
          kept_(kept_path(name)),
          places_(layout::geometry::of(begin.sizes)) {
        fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        const auto bytes = begin.as_of_now();
        if (fd_ < 0 || ::write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
            defect("no room for an image");
        if (::link(path_.c_str(), kept_.c_str()) != 0) defect("link failed");
    }
    ~image_file() {
        ::unlink(path_.c_str());
        ::unlink(kept_.c_str());
        ::close(fd_);
    }
    image_file(const image_file&) = delete;
    image_file& operator=(const image_file&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] const layout::geometry& places() const noexcept { return places_; }
    void set_size(std::size_t bytes) {
        if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) defect("ftruncate failed");
    }
    void cut(choices& in) {
        const std::size_t lengths[] = {0,
                                       1,
                                       sizeof(layout::header) - 1,
                                       sizeof(layout::header),
                                       places_.slots,
                                       places_.total - 1,
                                       in.below(static_cast<std::uint32_t>(places_.total))};
        set_size(in.of(lengths));
    }
    void grow(choices& in) { set_size(places_.total + in.below(65536)); }
    /// Another file has the name from now on; who has this one open keeps it.
    void replace(choices& in) {
        struct stat named {};
        struct stat ours {};
        if (::stat(path_.c_str(), &named) != 0 || ::fstat(fd_, &ours) != 0 || named.st_ino != ours.st_ino) return;
        ::unlink(path_.c_str());
        const int other = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (other < 0) return;
        if (in.below(2) == 0 && ::ftruncate(other, static_cast<off_t>(places_.total)) != 0) defect("ftruncate failed");
        ::close(other);
    }

    /// Whole and empty. So is the one that has its name now, should that be another.
    void restore() {
        const auto bytes = begin_.as_of_now();
        set_size(places_.total);
        if (::pwrite(fd_, bytes.data(), sizeof(layout::header), 0) != sizeof(layout::header)) defect("pwrite failed");
        empty(fd_);
        const int named = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
        if (named >= 0) empty(named);
        ::close(named);
    }
    void take_name_back() {
        ::unlink(path_.c_str());
        if (::link(kept_.c_str(), path_.c_str()) != 0) defect("link failed");
    }

   private:
    static void empty(int fd) {
        struct stat facts {};
        constexpr auto tables = static_cast<off_t>(sizeof(layout::header));
        if (::fstat(fd, &facts) != 0 || facts.st_size <= tables) return;
        const std::vector<std::uint8_t> zeros(static_cast<std::size_t>(facts.st_size - tables));
        if (::pwrite(fd, zeros.data(), zeros.size(), tables) < 0) defect("pwrite failed");
    }

    const picture& begin_;
    std::string path_;
    std::string kept_;
    layout::geometry places_;
    int fd_ = -1;
};

// What happens to a file besides damage to its bytes.
void change_size(image_file& file, choices& in) {
    switch (in.below(4)) {
        case 0: return file.grow(in);
        case 1: return file.replace(in);
        default: return file.cut(in);
    }
}

}  // namespace

images::images(const std::vector<picture>& pictures, bool beside)
    : pictures_(pictures), name_("fuzz-" + std::to_string(::getpid())) {
    if (beside) {
        second_user_ = std::make_unique<helper>();
        vandal_ = std::make_unique<helper>();
    }
    threads_ = threads_here();
}

images::~images() = default;

void images::run(std::span<const std::uint8_t> bytes) {
    choices in(bytes);
    image_file file(name_, in.of(pictures_));
    damage harm(file.fd(), file.places());
    harm.remember(in);
    for (std::uint32_t n = in.below(6); n > 0; --n) harm.strike(in);
    if (in.one_in(8)) harm.strike_header(in);
    if (in.one_in(16)) change_size(file, in);

    user first(name_, warden_, warden::first);
    user second(name_, warden_, warden::second);
    if (in.one_in(4)) first.look(in);
    const bool attached = first.attach(in);
    if (!attached) first.look(in);
    if (attached && vandal_) {
        second_user_->begin([&second, own = in.apart(48)]() mutable {
            if (!second.attach(own)) return;
            while (!own.exhausted()) second.step(own);
        });
        vandal_->begin([own = in.apart(64), harm]() mutable {
            while (!own.exhausted()) {
                harm.strike(own);
                if (own.below(4) != 0) std::this_thread::sleep_for(std::chrono::microseconds{own.below(64)});
            }
        });
    }
    for (int round = 0; attached && round < most_rounds && !in.exhausted(); ++round) {
        if (in.below(3) == 0) {
            for (std::uint32_t n = 1 + in.below(3); n > 0; --n) harm.strike(in);
            if (in.one_in(32)) change_size(file, in);
        } else {
            first.step(in);
        }
    }
    if (attached && vandal_) {
        second_user_->finish();
        vandal_->finish();
    }
    second.release_all();
    first.release_all();
    file.restore();
    second.leave();
    first.leave();
    // As long as slots say that this process holds them it stays attached, for the leases' sake, until somebody closes the segment
    // again. Such a slot is that of a lease which was detached, or granted by who was at it in the moment that all was put in order.
    for (int tries = 0; !nobody_left(20ms) && tries < 4; ++tries) {
        if (tries == 1) file.take_name_back();
        file.restore();
        if (first.attach(in)) first.leave();
    }
    if (!nobody_left(liveness)) defect("the background thread of a segment that nobody uses is left");
    warden_.turn_back();
}

bool images::nobody_left(std::chrono::milliseconds within) const {
    const auto end = std::chrono::steady_clock::now() + within;
    while (threads_here() > threads_) {  // one that has been joined is there for a moment still
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

void images::expect_unharmed() {
    warden_.call(warden::first, "a fresh segment", [&] { fuzz::expect_unharmed(name_ + "-fresh"); });
    if (!nobody_left(liveness)) defect("the background thread of a fresh segment is left");
}

}  // namespace shmsem::fuzz

#pragma once

#include <boost/interprocess/creation_tags.hpp>
#include <boost/interprocess/permissions.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <boost/interprocess/sync/named_semaphore.hpp>
#include <string>

#include "naming.hpp"
#include "process.hpp"
#include "session.hpp"

namespace semabench {

class boost_semaphore {
   public:
    static constexpr const char* name = "Boost interprocess";

    explicit boost_semaphore(unsigned permits) : line_(permits) {}

    struct session {
        boost::interprocess::interprocess_semaphore* semaphore;
        nothing acquire() const {
            semaphore->wait();
            return {};
        }
        void release(nothing) const { semaphore->post(); }
    };
    session join() const { return {&line_->semaphore}; }

   private:
    struct alignas(64) line {
        explicit line(unsigned permits) : semaphore(permits) {}
        boost::interprocess::interprocess_semaphore semaphore;
    };
    shared<line> line_;
};

class boost_named_semaphore {
   public:
    static constexpr const char* name = "Boost named";

    explicit boost_named_semaphore(unsigned permits)
        : name_(unique_name()),
          semaphore_(boost::interprocess::create_only, name_.c_str(), permits, boost::interprocess::permissions(0600)) {}
    ~boost_named_semaphore() { boost::interprocess::named_semaphore::remove(name_.c_str()); }
    boost_named_semaphore(const boost_named_semaphore&) = delete;
    boost_named_semaphore& operator=(const boost_named_semaphore&) = delete;

    struct session {
        boost::interprocess::named_semaphore* semaphore;
        nothing acquire() const {
            semaphore->wait();
            return {};
        }
        void release(nothing) const { semaphore->post(); }
    };
    // The mapping is inherited, so the sessions of forked children need not open it again.
    session join() { return {&semaphore_}; }

   private:
    std::string name_;
    boost::interprocess::named_semaphore semaphore_;
};

}  // namespace semabench

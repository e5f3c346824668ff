#pragma once

#include "shmsem/errors.hpp"
#include "shmsem/inspect.hpp"
#include "shmsem/lease.hpp"
#include "shmsem/mutex.hpp"
#include "shmsem/options.hpp"
#include "shmsem/ownerless.hpp"
#include "shmsem/robust_mutex.hpp"
#include "shmsem/segment.hpp"
#include "shmsem/semaphore.hpp"
#include "shmsem/worker_pool.hpp"

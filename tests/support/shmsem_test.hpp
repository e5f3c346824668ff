#pragma once

// All of the test support that needs no look inside the library; for that, add clock_shift.hpp and os/testing.hpp.

#include <gtest/gtest.h>

#include <csignal>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/eventually.hpp"
#include "support/expect_error.hpp"
#include "support/shared.hpp"
#include "support/sync.hpp"
#include "support/test_segment.hpp"
#include "support/watchdog.hpp"

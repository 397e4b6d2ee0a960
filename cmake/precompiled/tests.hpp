#pragma once

// The same for tests.

#include "cmake/precompiled/rooms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

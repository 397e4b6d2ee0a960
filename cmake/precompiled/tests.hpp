#pragma once

// The same for tests, with what else they include.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmake/precompiled/rooms.hpp"
#include <filesystem>
#include <future>

# graphhook_flags: the language, warnings and sanitizers of everything that is ours.
add_library(graphhook_flags INTERFACE)
target_compile_features(graphhook_flags INTERFACE cxx_std_20)
target_include_directories(graphhook_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(graphhook_flags INTERFACE
    GRAPHHOOK_VERSION="${PROJECT_VERSION}"
    BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
    SPDLOG_FMT_EXTERNAL)
target_compile_options(graphhook_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
    $<$<BOOL:${GRAPHHOOK_WERROR}>:-Werror>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete -Wno-missing-field-initializers>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-designated-field-initializers>
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(GRAPHHOOK_SANITIZE)
    # null, alignment, vptr and object-size triple the compile time of coroutine code and find nothing
    # that address does not.
    target_compile_options(graphhook_flags INTERFACE
        -fsanitize=${GRAPHHOOK_SANITIZE} -fno-sanitize=null,alignment,vptr,object-size
        -fno-sanitize-recover=all -fno-omit-frame-pointer)
    string(REPLACE "fuzzer-no-link," "" link_sanitize "${GRAPHHOOK_SANITIZE}")
    target_link_options(graphhook_flags INTERFACE -fsanitize=${link_sanitize})
endif()
target_link_libraries(graphhook_flags INTERFACE Threads::Threads)

# graphhook_precompile(TARGET rooms|tests): with GRAPHHOOK_PCH, compiles it with the headers of cmake/precompiled/KIND.hpp.
function(graphhook_precompile target kind)
    if(NOT GRAPHHOOK_PCH)
        return()
    endif()
    set(carrier graphhook_precompiled_${kind})
    if(NOT TARGET ${carrier})
        file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${carrier}.cpp CONTENT "// Carries precompiled headers.\n")
        add_library(${carrier} OBJECT ${CMAKE_BINARY_DIR}/${carrier}.cpp)
        target_link_libraries(${carrier} PRIVATE graphhook_flags Boost::headers Boost::json Boost::url fmt::fmt spdlog::spdlog)
        if(kind STREQUAL tests)
            target_link_libraries(${carrier} PRIVATE GTest::gmock GTest::gtest)
        endif()
        # Caches compare contents, not times.
        target_compile_options(${carrier} PRIVATE $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
        target_precompile_headers(${carrier} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled/${kind}.hpp)
    endif()
    target_precompile_headers(${target} REUSE_FROM ${carrier})
endfunction()

# graphhook_room(NAME SOURCES ... DEPENDS ...): one room, one static library graphhook::NAME.
function(graphhook_room name)
    cmake_parse_arguments(room "" "" "SOURCES;DEPENDS" ${ARGN})
    add_library(graphhook_${name} STATIC ${room_SOURCES})
    target_link_libraries(graphhook_${name} PUBLIC graphhook_flags ${room_DEPENDS})
    add_library(graphhook::${name} ALIAS graphhook_${name})
    graphhook_precompile(graphhook_${name} rooms)
endfunction()

# graphhook_test(NAME SOURCES ... DEPENDS ... [LABEL label] [TIMEOUT s]): one GoogleTest program; every test in it runs by
# itself and in parallel with all others.
function(graphhook_test name)
    cmake_parse_arguments(test "" "LABEL;TIMEOUT" "SOURCES;DEPENDS" ${ARGN})
    if(NOT test_TIMEOUT)
        set(test_TIMEOUT 120)
    endif()
    add_executable(${name} ${test_SOURCES})
    target_link_libraries(${name} PRIVATE graphhook_flags ${test_DEPENDS} GTest::gmock GTest::gtest_main)
    graphhook_precompile(${name} tests)
    include(GoogleTest)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${test_TIMEOUT} LABELS "${test_LABEL}")
endfunction()

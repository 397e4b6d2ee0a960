// Carries the precompiled headers of one kind of target; see cmake/rooms.cmake.

# pedal_nn and pedal_fx compiled into a MicroPython firmware whose port is built by CMake (rp2, esp32):
# make USER_C_MODULES=path/to/native_modules/micropython.cmake
# Which files and which flags is said in micropython.mk and flags.mk, and read from there.
set(UPEDAL_DIR ${CMAKE_CURRENT_LIST_DIR})
set(UPEDAL_MK ${UPEDAL_DIR}/micropython.mk ${UPEDAL_DIR}/flags.mk)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${UPEDAL_MK})

file(STRINGS ${UPEDAL_DIR}/micropython.mk UPEDAL_LINES)
string(REGEX MATCHALL "modpedal_[a-z0-9_]+\\.c" UPEDAL_BINDINGS "${UPEDAL_LINES}")
string(REGEX MATCHALL "up_[a-z0-9_]+\\.c" UPEDAL_CORE "${UPEDAL_LINES}")
list(TRANSFORM UPEDAL_BINDINGS PREPEND ${UPEDAL_DIR}/bindings/)
list(TRANSFORM UPEDAL_CORE PREPEND ${UPEDAL_DIR}/core/)
file(STRINGS ${UPEDAL_DIR}/flags.mk UPEDAL_FLAGS REGEX "^UP_CFLAGS *=")
string(REGEX REPLACE "^UP_CFLAGS *= *" "" UPEDAL_FLAGS "${UPEDAL_FLAGS}")
separate_arguments(UPEDAL_FLAGS)
if(NOT UPEDAL_BINDINGS OR NOT UPEDAL_CORE OR NOT UPEDAL_FLAGS)
    message(FATAL_ERROR "${UPEDAL_MK}: found no sources or no UP_CFLAGS; expected both")
endif()

add_library(usermod_upedal INTERFACE)
target_sources(usermod_upedal INTERFACE ${UPEDAL_BINDINGS} ${UPEDAL_CORE})
target_include_directories(usermod_upedal INTERFACE ${UPEDAL_DIR}/core)
# On the files and not on the library: through the library they would reach all of the firmware.
set_source_files_properties(${UPEDAL_BINDINGS} ${UPEDAL_CORE} PROPERTIES COMPILE_OPTIONS "${UPEDAL_FLAGS}")
target_link_libraries(usermod INTERFACE usermod_upedal)

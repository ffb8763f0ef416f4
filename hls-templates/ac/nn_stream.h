// SPDX-License-Identifier: MIT OR Apache-2.0
//
// ac_channel. Outside of synthesis it is an unbounded queue, which ends the program if it is read while
// empty.

#ifndef NN_STREAM_H_
#define NN_STREAM_H_

#include "ac_channel.h"

#endif

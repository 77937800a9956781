// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// The parent's way back is in a register of its own, out of the child's reach.
//
// func vfork(flags uintptr) (result uintptr)
TEXT ·vfork(SB), NOSPLIT|NOFRAME, $0-16
	MOVD	flags+0(FP), R0
	MOVD	ZR, R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$220, R8 // SYS_clone
	SVC
	MOVD	R0, result+8(FP)
	RET

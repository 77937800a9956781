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

// The child begins on a stack of its own, and never returns.
//
// func spawn(args *cloneArgs, size uintptr, o *orders) (result uintptr)
TEXT ·spawn(SB), NOSPLIT|NOFRAME, $0-32
	MOVD	args+0(FP), R0
	MOVD	size+8(FP), R1
	MOVD	o+16(FP), R9
	MOVD	$435, R8 // SYS_clone3
	SVC
	CBZ	R0, child
	MOVD	R0, result+24(FP)
	RET
child:
	SUB	$16, RSP
	MOVD	R9, 8(RSP)
	BL	·follow(SB)
	BRK

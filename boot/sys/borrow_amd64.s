// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// The child uses the stack up again from here on, where the parent's way back lies; so that stays in a register meanwhile.
//
// func vfork(flags uintptr) (result uintptr)
TEXT ·vfork(SB), NOSPLIT|NOFRAME, $0-16
	MOVQ	flags+0(FP), DI
	XORL	SI, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVL	$56, AX // SYS_clone
	POPQ	R12
	SYSCALL
	PUSHQ	R12
	MOVQ	AX, result+8(FP)
	RET

// The child begins on a stack of its own, and never returns.
//
// func spawn(args *cloneArgs, size uintptr, o *orders) (result uintptr)
TEXT ·spawn(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ	args+0(FP), DI
	MOVQ	size+8(FP), SI
	MOVQ	o+16(FP), R12
	MOVL	$435, AX // SYS_clone3
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, result+24(FP)
	RET
child:
	PUSHQ	R12
	CALL	·follow(SB)
	INT	$3

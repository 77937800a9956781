// SPDX-License-Identifier: Apache-2.0

#include "go_asm.h"
#include "textflag.h"

#define madvise 28
#define prctl 157
#define page 4096

// What the run-time keeps at the start of what the collector does not look at.
#define early 32768

// Only the start has to be a page's: madvise(2) rounds the length up.
#define POPULATE(from, to, advice) \
	MOVQ	from, DI; \
	ANDQ	$~(page-1), DI; \
	MOVQ	to, SI; \
	SUBQ	DI, SI; \
	MOVQ	$advice, DX; \
	MOVQ	$madvise, AX; \
	SYSCALL

// func enter()
//
// The stack is as the kernel made it, and so it has to be for the run-time. DX is what the C library's linker would leave there.
TEXT ·enter(SB), NOSPLIT|NOFRAME, $0
	POPULATE($runtime·text(SB), $runtime·etext(SB), const_populateRead)
	POPULATE($runtime·rodata(SB), $runtime·epclntab(SB), const_populateRead)
	POPULATE($runtime·noptrdata(SB), $runtime·noptrbss+early(SB), const_populateWrite)
	MOVQ	$const_getTimerSlack, DI
	MOVQ	$prctl, AX
	SYSCALL
	MOVQ	AX, ·slack(SB)
	MOVQ	$const_setTimerSlack, DI
	MOVQ	$const_coarse, SI
	MOVQ	$prctl, AX
	SYSCALL
	XORL	DX, DX
	JMP	_rt0_amd64_linux(SB)

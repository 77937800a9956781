// SPDX-License-Identifier: Apache-2.0

#include "go_asm.h"
#include "textflag.h"

#define madvise 233
#define prctl 167

// Pages may be of 64 KiB, and the linker keeps what is mapped differently apart by as much.
#define page 65536

// What the run-time keeps at the start of what the collector does not look at.
#define early 32768

// Only the start has to be a page's: madvise(2) rounds the length up.
#define POPULATE(from, to, advice) \
	MOVD	from, R0; \
	AND	$~(page-1), R0; \
	MOVD	to, R1; \
	SUB	R0, R1; \
	MOVD	$advice, R2; \
	MOVD	$madvise, R8; \
	SVC

// func enter()
//
// The stack is as the kernel made it, and so it has to be for the run-time.
TEXT ·enter(SB), NOSPLIT|NOFRAME, $0
	POPULATE($runtime·text(SB), $runtime·etext(SB), const_populateRead)
	POPULATE($runtime·rodata(SB), $runtime·epclntab(SB), const_populateRead)
	POPULATE($runtime·noptrdata(SB), $runtime·noptrbss+early(SB), const_populateWrite)
	MOVD	$const_getTimerSlack, R0
	MOVD	$prctl, R8
	SVC
	MOVD	R0, ·slack(SB)
	MOVD	$const_setTimerSlack, R0
	MOVD	$const_coarse, R1
	MOVD	$prctl, R8
	SVC
	MOVD	ZR, R0
	B	_rt0_arm64_linux(SB)

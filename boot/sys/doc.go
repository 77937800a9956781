// SPDX-License-Identifier: Apache-2.0

// Package sys holds every raw system call of the project, each as a thin wrapper whose error names the call and its object.
//
// It has no policy: what to mount, map or filter is decided above it. Its one larger piece is [Program], a list of system calls
// that a freshly forked child carries out without the Go runtime (see fork.go).
package sys

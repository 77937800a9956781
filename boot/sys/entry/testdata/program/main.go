// SPDX-License-Identifier: Apache-2.0

// Command program is one that begins there, and tells what of it is mapped, or how late its timers may ring.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys/entry"
)

// variables are more than the run-time touches.
var variables = [256 << 10]byte{1}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "slack" {
		now, _, _ := syscall.Syscall(syscall.SYS_PRCTL, unix.PR_GET_TIMERSLACK, 0, 0)
		fmt.Printf("%d, %d before\n", now, entry.TimerSlack())
		return
	}
	if len(os.Args) > 1 { // what is called here is code that is not
		_ = http.ListenAndServe(os.Args[1], http.FileServer(http.Dir(string(variables[:]))))
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err == nil {
		_, err = io.Copy(os.Stdout, smaps)
	}
	if err != nil {
		panic(err)
	}
}

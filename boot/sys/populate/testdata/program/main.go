// SPDX-License-Identifier: Apache-2.0

// Command program is one that has populate, and tells what of it is mapped.
package main

import (
	"io"
	"net/http"
	"os"

	_ "machined-go/boot/sys/populate"
)

// variables are more than the run-time touches.
var variables = [256 << 10]byte{1}

func main() {
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

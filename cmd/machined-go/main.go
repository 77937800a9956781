// SPDX-License-Identifier: Apache-2.0

// Command machined-go keeps the list of running machines and serves it as
// org.freedesktop.machine1, in place of systemd-machined(8).
//
// It can be killed and started again at any moment: nothing stops with it and
// nothing is lost.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the Makefile.
var version = "unknown"

func main() {
	showVersion := flag.Bool("version", false, "print the version and exit")
	level := flag.String("log-level", "info", "least `level` that is logged: debug, info, warn, error")
	flag.Usage = usage
	flag.Parse()
	if *showVersion {
		fmt.Println("machined-go", version)
		return
	}
	log, severity, err := newLogger(os.Stderr, *level)
	forNetworks := flag.NArg() == 1 && flag.Arg(0) == networkVerb
	if err == nil && flag.NArg() > 0 && !forNetworks {
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "machined-go:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	serve := func(stop context.Context) error { return run(stop, log, severity) }
	if forNetworks {
		serve = func(stop context.Context) error { return runNetwork(stop, log) }
	}
	if err := serve(ctx); err != nil {
		log.Error("stop", "error", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(os.Stderr, "machined-go keeps the list of running machines (org.freedesktop.machine1).\n"+
		"It is run by machined-go.service: systemctl enable machined-go && systemctl restart machined-go\n"+
		"With the argument network, by machined-go-network.service, it looks after machines' networks instead.\n\n")
	flag.PrintDefaults()
}

// run serves until stop ends.
func run(stop context.Context, log *slog.Logger, severity *severity) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	d, err := assemble(ctx, log, severity)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.claim(ctx); err != nil {
		return err
	}
	return d.serve(ctx, stop)
}

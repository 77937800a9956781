// SPDX-License-Identifier: Apache-2.0

// Command bench measures this project beside stock systemd-nspawn, crun and what
// else the host has. It runs as root on a systemd host, which is a lab: the script "run" beside this file makes one. README.md says what each figure is.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

type options struct {
	image  string // name of a bootable tree in /var/lib/machines
	rounds int
	crowds int // rounds of the contest with many machines
	json   string
	only   string // names of contests, comma-separated; empty: all
}

func main() {
	var o options
	flag.StringVar(&o.image, "image", "deb", "bootable tree in /var/lib/machines")
	flag.IntVar(&o.rounds, "rounds", 20, "counted rounds of each contest")
	flag.IntVar(&o.crowds, "crowds", 3, "counted rounds with 1, 10 and 30 machines")
	flag.StringVar(&o.json, "json", "", "file for all samples")
	flag.StringVar(&o.only, "only", "", "contests to hold, comma-separated: command, byhand, boot, direct, crowd, scale")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	var report report
	for _, c := range []struct {
		name   string
		rounds int
		enter  func(context.Context, options) (*contest, error)
	}{
		{"command", o.rounds, commandContest},
		{"byhand", o.rounds, byHandContest},
		{"boot", o.rounds, bootContest},
		{"direct", o.rounds, directContest},
		{"crowd", o.crowds, crowdContest},
		{"scale", o.rounds, scaleContest},
	} {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), c.name) {
			continue
		}
		contest, err := c.enter(ctx, o)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", c.name, err)
		}
		results, err := contest.hold(ctx, c.rounds)
		if err != nil {
			return err
		}
		report.add(contest, results)
	}
	report.host = describeHost()
	report.print(os.Stdout)
	if o.json == "" {
		return nil
	}
	return report.save(o.json)
}

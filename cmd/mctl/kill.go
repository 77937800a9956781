// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

const sigRTMax = 64

const killHelp = `Kill sends a signal to processes of machines: to all of them, or to the leader
alone, which is the machine's PID 1.`

const killExamples = `  mctl kill deb                                 SIGTERM to every process
  mctl kill -s HUP --kill-whom=leader deb       have its init read its settings again
  mctl kill -s SIGRTMIN+4 --kill-whom=leader deb
  mctl kill -s list                             the names of signals

To shut a machine down in good order use mctl poweroff.`

func newKillCmd(a *app) *cobra.Command {
	var signal, whom string
	cmd := &cobra.Command{
		Use:               "kill [-s SIGNAL] NAME…",
		Short:             "send machines a signal",
		GroupID:           groupRun,
		Long:              killHelp,
		Example:           killExamples,
		ValidArgsFunction: a.completeRunning,
		Args: func(cmd *cobra.Command, args []string) error {
			if signal == "list" {
				return nothing(cmd, args)
			}
			return names(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if signal == "list" {
				fmt.Fprintln(a.out, strings.Join(signalNames(), "\n"))
				return nil
			}
			number, err := parseSignal(signal)
			if err != nil {
				return misuse(cmd, err)
			}
			if whom != "all" && whom != "leader" && whom != "supervisor" {
				return misuse(cmd, fmt.Errorf("--kill-whom=%s: it is one of all, leader, supervisor", whom))
			}
			machines, err := a.client()
			if err != nil {
				return err
			}
			return each(args, func(name string) error {
				return machines.Kill(cmd.Context(), name, whom, number)
			})
		},
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "SIGTERM", "signal by name or number, or \"list\"")
	cmd.Flags().StringVar(&whom, "kill-whom", "all", "whom to signal: all, leader, supervisor")
	a.completeFlag(cmd, "signal", signalNames()...)
	a.completeFlag(cmd, "kill-whom", "all", "leader", "supervisor")
	return cmd
}

// parseSignal takes what kill(1) and systemd take: 15, TERM, SIGTERM, RTMIN+4.
func parseSignal(text string) (int, error) {
	bad := fmt.Errorf("%q is no signal (`mctl kill -s list` names them)", text)
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 || number > sigRTMax {
			return 0, bad
		}
		return number, nil
	}
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if number := unix.SignalNum(name); number != 0 {
		return int(number), nil
	}
	number := 0
	if rest, ok := strings.CutPrefix(name, "SIGRTMIN"); ok {
		number = offset(sigRTMin, rest, "+")
	} else if rest, ok := strings.CutPrefix(name, "SIGRTMAX"); ok {
		number = offset(sigRTMax, rest, "-")
	}
	if number < sigRTMin || number > sigRTMax {
		return 0, bad
	}
	return number, nil
}

// offset reads "+4" or "-4" behind SIGRTMIN or SIGRTMAX; 0 if it is neither.
func offset(from int, text, sign string) int {
	if text == "" {
		return from
	}
	digits, ok := strings.CutPrefix(text, sign)
	by, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil {
		return 0
	}
	if sign == "-" {
		return from - int(by)
	}
	return from + int(by)
}

// signalNames gives the signals by number, then the real-time ones.
func signalNames() []string {
	var list []string
	for number := syscall.Signal(1); number < 32; number++ {
		if name := unix.SignalName(number); name != "" {
			list = append(list, name)
		}
	}
	list = append(list, "SIGRTMIN")
	for number := sigRTMin + 1; number <= sigRTMax; number++ {
		list = append(list, fmt.Sprintf("SIGRTMIN+%d", number-sigRTMin))
	}
	return list
}

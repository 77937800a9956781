// SPDX-License-Identifier: Apache-2.0

package parity_test

import "strings"

func resourceRows() []row {
	list := []row{
		{
			options: "--rlimit", args: "--rlimit=RLIMIT_NOFILE=100:200 --rlimit=STACK=1M --rlimit=CORE=infinity",
			inside: `cat /proc/self/limits`, want: "Max open files 100 200 files\nMax stack size 1048576 1048576 bytes",
		},
		{
			options: "--rlimit=none", inside: `cat /proc/self/limits`, want: "Max open files 1024 [0-9]+ files",
		},
		{
			options: "--oom-score-adjust", keys: "Exec.OOMScoreAdjust", base: "--private-network", args: "--private-users=no --oom-score-adjust=321", file: "[Exec]\nPrivateUsers=no\nOOMScoreAdjust=321",
			inside: `cat /proc/self/oom_score_adj`, want: "321",
		},
		{
			options: "--cpu-affinity", keys: "Exec.CPUAffinity", args: "--cpu-affinity=1", file: "[Exec]\nCPUAffinity=1",
			inside: `grep Cpus_allowed_list /proc/self/status`, want: "Cpus_allowed_list: 1",
		},
		{
			options: "--personality", keys: "Exec.Personality", args: "--personality=x86", file: "[Exec]\nPersonality=x86",
			inside: `uname -m`, want: "i686",
		},
	}
	for _, limit := range strings.Fields(`CPU=100:200|cpu.time FSIZE=1M:2M|file.size DATA=1G|data.size STACK=1M:2M|stack.size CORE=1K|core.file.size
		RSS=1G|resident.set NOFILE=100:200|open.files AS=1G:2G|address.space NPROC=100|processes MEMLOCK=1M|locked.memory LOCKS=5|file.locks
		SIGPENDING=50|pending.signals MSGQUEUE=4K|msgqueue.size NICE=5|nice.priority RTPRIO=3|realtime.priority RTTIME=1s|realtime.timeout`) {
		assignment, label, _ := strings.Cut(limit, "|")
		name, _, _ := strings.Cut(assignment, "=")
		list = append(list, row{
			keys: "Exec.Limit" + name, file: "[Exec]\nLimit" + assignment,
			inside: `grep -i "^Max ` + label + `" /proc/self/limits`, want: "(?i)Max " + label + ".*",
		})
	}
	return list
}

// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// outlineAdjustments tells what adjust does.
func (p *Plan) outlineAdjustments(add func(kind, format string, args ...any)) {
	if a := p.Spec.Limits.OOMScoreAdjust; a != nil {
		add("oom", "OOM score adjustment %d", *a)
	}
	if len(p.CPUs) > 0 {
		add("processors", "processors %s", p.Spec.Limits.CPUAffinity)
	}
}

// adjust comes after the move into the scope, which may change what processors the leader may use.
func (s *start) adjust(context.Context) (func(), error) {
	if a := s.plan.Spec.Limits.OOMScoreAdjust; a != nil {
		err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", s.leader.PID), []byte(strconv.Itoa(*a)), 0)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("set oom_score_adjust to %d: only who has CAP_SYS_RESOURCE may lower it", *a)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(s.plan.CPUs) == 0 {
		return nil, nil
	}
	err := sys.UseProcessors(s.leader.PID, s.plan.CPUs)
	if errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("cpu_affinity = %q: none of these processors is there to be used", s.plan.Spec.Limits.CPUAffinity)
	}
	return nil, err
}

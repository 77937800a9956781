// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// overrideDropin is what an administrator edits where the first file is not theirs, as with `systemctl edit`.
const overrideDropin = "override" + ext

// EditTarget gives the file that an administrator is to edit for a machine, and what to begin with: the machine's own file, or, where another one
// is the first, a drop-in on top of that.
func (s Search) EditTarget(name, root string) (path, content string, fresh bool, err error) {
	path = s.ownFile(name)
	begin := func() string { return fmt.Sprintf(newHead, name) }
	if main, ok := s.main(s.machineDirs(), name, root); ok && main.Path != path {
		path = filepath.Join(s.Dirs[0], machines, name+dropinExt, overrideDropin)
		begin = func() string { return fmt.Sprintf(overrideHead, name, main.Path) + commented(main) }
	}
	if !exists(path) {
		return path, begin(), true, nil
	}
	if path, err = target(path); err != nil {
		return path, "", false, err
	}
	content, err = readFile(path, true)
	return path, content, false, err
}

// target follows links, so that a file is changed and no link replaced; but for those that mask a file.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path, fmt.Errorf("find settings to edit: %w", err)
	}
	if real == os.DevNull {
		return path, nil
	}
	return real, nil
}

const newHead = `# Settings of machine %s: see machine.toml(5). For example:
#
# hostname = "www"
# environment = { LANG = "C.UTF-8" }
#
# [network]
# ports = ["tcp:80"]
#
# [resources]
# memory = "2G"
`

const overrideHead = `# Settings of machine %s on top of %s: see machine.toml(5).
# What is there:
#
`

// commented gives a file's lines as remarks.
func commented(file Source) string {
	content, err := readFile(file.Path, file.Trusted)
	if err != nil {
		return ""
	}
	var out strings.Builder
	for line := range strings.Lines(content) {
		out.WriteString(strings.TrimRight("# "+strings.TrimRight(line, "\r\n"), " ") + "\n")
	}
	return out.String()
}

// IsEmpty tells whether a settings file says nothing.
func IsEmpty(content string) bool {
	v, err := parse("", content)
	return err == nil && len(v.Table) == 0
}

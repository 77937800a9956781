// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// flags are the mount options that are not the file system's but the mount's (mount(8)).
var flags = map[string]struct{ set, clear uintptr }{
	"ro":            {unix.MS_RDONLY, 0},
	"rw":            {0, unix.MS_RDONLY},
	"nosuid":        {unix.MS_NOSUID, 0},
	"suid":          {0, unix.MS_NOSUID},
	"nodev":         {unix.MS_NODEV, 0},
	"dev":           {0, unix.MS_NODEV},
	"noexec":        {unix.MS_NOEXEC, 0},
	"exec":          {0, unix.MS_NOEXEC},
	"sync":          {unix.MS_SYNCHRONOUS, 0},
	"async":         {0, unix.MS_SYNCHRONOUS},
	"noatime":       {unix.MS_NOATIME, unix.MS_STRICTATIME | unix.MS_RELATIME},
	"nodiratime":    {unix.MS_NODIRATIME, 0},
	"relatime":      {unix.MS_RELATIME, unix.MS_STRICTATIME | unix.MS_NOATIME},
	"strictatime":   {unix.MS_STRICTATIME, unix.MS_RELATIME | unix.MS_NOATIME},
	"lazytime":      {unix.MS_LAZYTIME, 0},
	"nosymfollow":   {unix.MS_NOSYMFOLLOW, 0},
	"defaults":      {0, 0},
	"mand":          {0, 0}, // the kernel has no mandatory locking any more
	"nomand":        {0, 0},
	"iversion":      {unix.MS_I_VERSION, 0},
	"dirsync":       {unix.MS_DIRSYNC, 0},
	"silent":        {unix.MS_SILENT, 0},
	"loud":          {0, unix.MS_SILENT},
	"diratime":      {0, unix.MS_NODIRATIME},
	"nolazytime":    {0, unix.MS_LAZYTIME},
	"norelatime":    {0, unix.MS_RELATIME},
	"nostrictatime": {0, unix.MS_STRICTATIME},
	"atime":         {0, unix.MS_NOATIME},
}

// Tmpfs is a file system in memory on target, with options as a person gives them: ids are the machine's, and its root's unless others
// are given.
func Tmpfs(target, options string, owner uint32) FS {
	o := FS{Type: "tmpfs", Target: target, Flags: unix.MS_NODEV | unix.MS_STRICTATIME}
	var rest []string
	has := map[string]bool{}
	for word := range strings.SplitSeq(options, ",") {
		if f, ok := flags[word]; ok {
			o.Flags = o.Flags&^f.clear | f.set
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		if id, err := strconv.ParseUint(value, 10, 16); err == nil && (key == "uid" || key == "gid") {
			word = key + "=" + strconv.FormatUint(uint64(owner)+id, 10)
			has[key] = true
		}
		if word != "" {
			rest = append(rest, word)
		}
	}
	for _, key := range []string{"uid", "gid"} {
		if !has[key] {
			rest = append(rest, key+"="+strconv.FormatUint(uint64(owner), 10))
		}
	}
	o.Options = strings.Join(rest, ",")
	return o
}

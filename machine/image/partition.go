// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/hex"
	"io"
	"runtime"
	"strings"
	"sync"
)

// partitionKind is what a partition is for: its designator in policies
// (systemd.image-policy(7)), or what says no more than "Linux".
type partitionKind string

const (
	kindGeneric       partitionKind = "generic"
	kindRoot          partitionKind = "root"
	kindUsr           partitionKind = "usr"
	kindHome          partitionKind = "home"
	kindSrv           partitionKind = "srv"
	kindVar           partitionKind = "var"
	kindTmp           partitionKind = "tmp"
	kindBoot          partitionKind = "xbootldr" // of boot loaders
	kindESP           partitionKind = "esp"      // the firmware's
	kindSwap          partitionKind = "swap"
	kindRootVerity    partitionKind = "root-verity"
	kindUsrVerity     partitionKind = "usr-verity"
	kindRootVeritySig partitionKind = "root-verity-sig"
	kindUsrVeritySig  partitionKind = "usr-verity-sig"
)

// linuxMBR is the type of a partition that says no more than "Linux" in an MBR.
const linuxMBR = 0x83

// native are the types of partitions for one kind of processor: of the root,
// /usr, and of what proves both (verity), and who made that (signatures).
type native struct{ root, usr, rootVerity, usrVerity, rootVeritySig, usrVeritySig string }

// partitionKinds are the types of partitions, as they lie on a disk, that
// matter for a machine on this one (uapi-group.org, Discoverable Partitions
// Specification).
var partitionKinds = sync.OnceValue(func() map[string]partitionKind {
	own := map[string]native{
		"386": {
			"44479540-f297-41b2-9af7-d131d5f0458a", "75250d76-8cc6-458e-bd66-bd47cc81a812",
			"d13c5d3b-b5d1-422a-b29f-9454fdc89d76", "8f461b0d-14ee-4e81-9aa9-049b6fb97abd",
			"5996fc05-109c-48de-808b-23fa0830b676", "974a71c0-de41-43c3-be5d-5c5ccd1ad2c0",
		},
		"amd64": {
			"4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "8484680c-9521-48c6-9c11-b0720656f69e",
			"2c7357ed-ebd2-46d9-aec1-23d437ec2bf5", "77ff5f63-e7b6-4633-acf4-1565b864c0e6",
			"41092b05-9fc8-4523-994f-2def0408b176", "e7bb33fb-06cf-4e81-8273-e543b413e2e2",
		},
		"arm": {
			"69dad710-2ce4-4e3c-b16c-21a1d49abed3", "7d0359a3-02b3-4f0a-865c-654403e70625",
			"7386cdf2-203c-47a9-a498-f2ecce45a2d6", "c215d751-7bcd-4649-be90-6627490a4c05",
			"42b0455f-eb11-491d-98d3-56145ba9d037", "d7ff812f-37d1-4902-a810-d76ba57b975a",
		},
		"arm64": {
			"b921b045-1df0-41c3-af44-4c6f280d3fae", "b0e01050-ee5f-4390-949a-9101b17104e9",
			"df3300ce-d69f-4c92-978c-9bfb0f38d820", "6e11a4e7-fbca-4ded-b9e9-e1a512bb664e",
			"6db69de6-29f4-4758-a7a5-962190f00ce3", "c23ce4ff-44bd-4b00-b2d4-b41b3419e02a",
		},
		"riscv64": {
			"72ec70a6-cf74-40e6-bd49-4bda08e8f224", "beaec34b-8442-439b-a40b-984381ed097d",
			"b6ed5582-440b-4209-b8da-5ff7c419ea3d", "8f1056be-9b05-47c4-81d6-be53128e5b54",
			"efe0f087-ea8d-4469-821a-4c2a96a8386a", "d2f9000a-7a18-453f-b5cd-4d32f77a7b32",
		},
	}[runtime.GOARCH]
	kinds := map[string]partitionKind{
		guid("0fc63daf-8483-4772-8e79-3d69d8477de4"): kindGeneric,
		guid("933ac7e1-2eb4-4f13-b844-0e14e2aef915"): kindHome,
		guid("3b8f8425-20e0-4f3b-907f-1a25a76f98e8"): kindSrv,
		guid("4d21b016-b534-45c2-a9fb-5c16e091fd2d"): kindVar,
		guid("7ec6f557-3bc5-4aca-b293-16ef5df639d1"): kindTmp,
		guid("bc13c2ff-59e6-4262-a352-b275fd6f7172"): kindBoot,
		guid("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"): kindESP,
		guid("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"): kindSwap,
	}
	if own != (native{}) {
		kinds[guid(own.root)], kinds[guid(own.usr)] = kindRoot, kindUsr
		kinds[guid(own.rootVerity)], kinds[guid(own.usrVerity)] = kindRootVerity, kindUsrVerity
		kinds[guid(own.rootVeritySig)], kinds[guid(own.usrVeritySig)] = kindRootVeritySig, kindUsrVeritySig
	}
	return kinds
})

// guid gives a GUID as it lies on a disk: the first three of its fields begin
// with their last byte.
func guid(text string) string {
	b, _ := hex.DecodeString(strings.ReplaceAll(text, "-", "")) // only constants
	if len(b) != 16 {
		return ""
	}
	return string([]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}) + string(b[8:])
}

// contents are the partitions of a disk that matter, one of each kind, and of
// which kinds are those that a policy has passed over.
type contents struct {
	found  map[partitionKind]partition
	unused map[partitionKind]bool
	single bool // a file system and no table
}

// layout finds out what is on a disk of that size. A disk with one file system
// and no table is one root partition.
func layout(disk io.ReaderAt, size int64, policy Policy) (contents, error) {
	whole := area{0, size}
	c := contents{map[partitionKind]partition{}, map[partitionKind]bool{}, typeAt(disk, whole) != ""}
	if c.single {
		return c, c.root(policy, partition{area: whole})
	}
	list := gptPartitions(disk, size)
	if list == nil {
		list = mbrPartitions(disk, size)
	}
	var generic []partition
	for _, p := range list {
		if p.kind == kindGeneric {
			generic = append(generic, p)
		} else if err := c.add(policy, p); err != nil {
			return c, err
		}
	}
	return c, c.root(policy, generic...)
}

// add takes a partition in, unless there is a better one or the policy passes
// over it.
func (c contents) add(policy Policy, p partition) error {
	used, err := policy.Use(string(p.kind))
	if err != nil {
		return err
	}
	other, there := c.found[p.kind]
	switch {
	case !used:
		c.unused[p.kind] = true
	case !there || p.supersedes(other):
		c.found[p.kind] = p
	}
	return nil
}

// root makes sure that there is a root, or a /usr: in want of better, the only
// partition that could be one.
func (c contents) root(policy Policy, generic ...partition) error {
	if !c.bootable() && len(generic) == 1 {
		generic[0].kind = kindRoot
		if err := c.add(policy, generic[0]); err != nil {
			return err
		}
	}
	switch {
	case c.bootable():
		return nil
	case c.unused[kindRoot] || c.unused[kindUsr]:
		return errUnused
	}
	return errNoFileSystem
}

func (c contents) bootable() bool {
	_, root := c.found[kindRoot]
	_, usr := c.found[kindUsr]
	return root || usr
}

// supersedes tells whether of two partitions of a kind the later counts: of
// roots and of /usr, the newer by its label does (systemd-sysupdate(8)).
func (p partition) supersedes(o partition) bool {
	return (p.kind == kindRoot || p.kind == kindUsr) && compareVersions(p.label, o.label) > 0
}

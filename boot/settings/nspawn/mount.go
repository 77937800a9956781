// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"path"
	"strings"

	"machined-go/boot"
)

// ParseBind understands the value of --bind= and --bind-ro=: SOURCE[:TARGET[:OPTION,…]]. A "+" before the source means a path of the
// image, no source a new directory; "\:" is a colon.
func ParseBind(value string, readOnly bool) (boot.Bind, error) {
	b := boot.Bind{ReadOnly: readOnly}
	list, err := fields(value, ':')
	if err != nil {
		return b, err
	}
	b.Source, b.Inside = strings.CutPrefix(list[0], "+")
	if b.Source == "" && b.Inside {
		return b, fmt.Errorf("the source in %q is empty", value)
	}
	b.Target = b.Source
	if len(list) > 1 && (list[1] != "" || b.Source == "") {
		b.Target = list[1]
	}
	if b.Source != "" {
		if err := absolute(b.Source); err != nil {
			return b, err
		}
		b.Source = path.Clean(b.Source)
	}
	if err := normal(b.Target); err != nil {
		return b, err
	}
	b.Target = path.Clean(b.Target)
	if len(list) > 2 {
		err = bindOptions(&b, strings.Join(list[2:], ":"))
	}
	return b, err
}

func bindOptions(b *boot.Bind, options string) error {
	recursive := func(yes bool) { b.Recursive = &yes }
	for _, option := range words(options, true) {
		switch option {
		case "rbind":
			recursive(true)
		case "norbind":
			recursive(false)
		case "noidmap":
			b.Map = "none"
		case "idmap":
			b.Map = "map"
		case "rootidmap":
			b.Map = "root"
		case "owneridmap":
			b.Map = "owner"
		default:
			return fmt.Errorf("option %q is none of rbind, norbind, idmap, noidmap, rootidmap, owneridmap", option)
		}
	}
	return nil
}

func bind(readOnly bool) setter {
	return func(s *boot.Spec, value string) error {
		b, err := ParseBind(value, readOnly)
		if err == nil {
			add(&s.Binds, b)
		}
		return err
	}
}

// tmpfs is TARGET[:OPTION,…].
func tmpfs(s *boot.Spec, value string) error {
	target, options := value, ""
	if list, err := fields(value, ':'); err != nil {
		return err
	} else if target = list[0]; len(list) > 1 {
		options = strings.Join(list[1:], ":")
	}
	if err := normal(target); err != nil {
		return err
	}
	add(&s.Tmpfs, boot.Tmpfs{Target: path.Clean(target), Options: options})
	return nil
}

func inaccessible(s *boot.Spec, value string) error {
	if err := normal(value); err != nil {
		return err
	}
	add(&s.Inaccessible, path.Clean(value))
	return nil
}

// ParseOverlay understands the value of --overlay= and --overlay-ro=: LOWER:…:UPPER[:TARGET], the lowest directory first. A "+"
// before a directory means one of the image, an empty UPPER a new directory.
func ParseOverlay(value string, readOnly bool) (boot.Overlay, error) {
	o := boot.Overlay{ReadOnly: readOnly}
	list, err := fields(value, ':')
	if err != nil {
		return o, err
	}
	if len(list) < 2 {
		return o, fmt.Errorf("%q is not LOWER:…:UPPER[:TARGET]", value)
	}
	layers := list
	o.Target = strings.TrimPrefix(list[len(list)-1], "+")
	if len(list) > 2 {
		layers, o.Target = list[:len(list)-1], list[len(list)-1]
	}
	if err := normal(o.Target); err != nil {
		return o, err
	}
	o.Target = path.Clean(o.Target)
	for i, layer := range layers {
		if layer == "" && i == len(layers)-1 {
			break
		}
		if err := absolute(strings.TrimPrefix(layer, "+")); err != nil {
			return o, err
		}
	}
	upper := layers[len(layers)-1]
	o.Lower = layers[:len(layers)-1]
	switch {
	case !readOnly:
		o.Upper = upper
	case upper != "":
		o.Lower = layers // without changes the uppermost is one of many
	}
	return o, nil
}

func overlay(readOnly bool) setter {
	return func(s *boot.Spec, value string) error {
		o, err := ParseOverlay(value, readOnly)
		if err == nil {
			add(&s.Overlays, o)
		}
		return err
	}
}

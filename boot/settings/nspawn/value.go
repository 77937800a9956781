// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"machined-go/boot"
)

// setter changes a spec to what a value says. It is pure, and changes nothing if the value is wrong.
type setter func(s *boot.Spec, value string) error

// ParseBool understands what systemd takes for true and for false.
func ParseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true, nil
	case "0", "no", "n", "false", "f", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", value)
}

// boolean sets a field.
func boolean(field func(*boot.Spec) *bool) setter {
	return func(s *boot.Spec, value string) error {
		b, err := ParseBool(value)
		if err == nil {
			*field(s) = b
		}
		return err
	}
}

// text sets a field to a value that check finds right.
func text(field func(*boot.Spec) *string, check func(string) error) setter {
	return func(s *boot.Spec, value string) error {
		if err := check(value); err != nil {
			return err
		}
		*field(s) = value
		return nil
	}
}

// one sets a field to one of some words; what systemd takes for false or true means the word of the same sense, if there is one.
func one(field func(*boot.Spec) *string, no, yes string, others ...string) setter {
	all := slices.DeleteFunc(append([]string{no, yes}, others...), func(word string) bool { return word == "" })
	return func(s *boot.Spec, value string) error {
		word := value
		if b, err := ParseBool(value); err == nil && !slices.Contains(all, value) {
			word = no
			if b {
				word = yes
			}
		}
		if !slices.Contains(all, word) {
			return fmt.Errorf("%q is none of %s", value, strings.Join(all, ", "))
		}
		*field(s) = word
		return nil
	}
}

// add appends to a list, which it does not share with any other spec.
func add[T any](list *[]T, more ...T) { *list = append(slices.Clip(*list), more...) }

func something(value string) error {
	if value == "" {
		return errors.New("the value is empty")
	}
	return nil
}

func absolute(value string) error {
	if !strings.HasPrefix(value, "/") {
		return fmt.Errorf("%q is not an absolute path", value)
	}
	return nil
}

// normal is an absolute path that does not go up.
func normal(value string) error {
	if err := absolute(value); err != nil {
		return err
	}
	if slices.Contains(strings.Split(value, "/"), "..") {
		return fmt.Errorf("path %q has a \"..\" in it", value)
	}
	return nil
}

// integer is a number between low and high.
func integer(value string, low, high int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", value, low, high)
	}
	return n, nil
}

// machineID writes an id, or UUID, in 32 digits.
func machineID(s *boot.Spec, value string) error {
	raw, err := hex.DecodeString(strings.ReplaceAll(value, "-", ""))
	if err != nil || len(raw) != 16 || [16]byte(raw) == [16]byte{} {
		return fmt.Errorf("%q is not an id of 32 hexadecimal digits, not all of them 0", value)
	}
	s.MachineID = hex.EncodeToString(raw)
	return nil
}

func hostname(value string) error { return boot.CheckName(value) }

// workingDirectory is a place for the command to start in.
func workingDirectory(s *boot.Spec, value string) error {
	if err := normal(value); err != nil {
		return err
	}
	s.WorkingDirectory = path.Clean(value)
	return nil
}

// environment sets one variable, NAME=VALUE.
func environment(s *boot.Spec, value string) error { return variables(s, []string{value}) }

// environments sets several, with quotes around those that have blanks in them.
func environments(s *boot.Spec, value string) error {
	list, err := quoted(value)
	if err != nil {
		return err
	}
	return variables(s, list)
}

func variables(s *boot.Spec, list []string) error {
	all := make(map[string]string, len(s.Environment)+len(list)) // what s has it shares with others
	maps.Copy(all, s.Environment)
	for _, one := range list {
		name, value, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			return fmt.Errorf("environment variable %q is not NAME=VALUE", name)
		}
		all[name] = value
	}
	s.Environment = all
	return nil
}

// pivotRoot is NEW[:OLD].
func pivotRoot(s *boot.Spec, value string) error {
	list, err := fields(value, ':')
	if err != nil {
		return err
	}
	if len(list) > 2 {
		return fmt.Errorf("%q is not NEW[:OLD]", value)
	}
	for i, one := range list {
		if err := normal(one); err != nil {
			return err
		}
		list[i] = path.Clean(one)
	}
	s.PivotRoot = strings.Join(list, ":")
	return nil
}

// killSignal takes a signal by name, with or without SIG, or by number.
func killSignal(s *boot.Spec, value string) error {
	if _, err := boot.ParseSignal(value); err != nil {
		return err
	}
	s.KillSignal = value
	return nil
}

// imagePolicy is a policy for disk images, of which an empty one has nothing used.
func imagePolicy(s *boot.Spec, value string) error {
	value = cmp.Or(value, "-")
	_, err := boot.ParseImagePolicy(value)
	if err == nil {
		s.ImagePolicy = value
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package session

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		shell Shell
		bad   string
	}{
		{Shell{}, ""},
		{Shell{User: "user", Path: "/bin/sh", Env: []string{"A=", "_b1=x=y\n"}}, ""},
		{Shell{User: "a b"}, "user"},
		{Shell{User: "a/b"}, "user"},
		{Shell{User: strings.Repeat("a", 257)}, "user"},
		{Shell{Path: "sh"}, "path"},
		{Shell{Env: []string{"A"}}, "environment"},
		{Shell{Env: []string{"=b"}}, "environment"},
		{Shell{Env: []string{"1A=b"}}, "environment"},
		{Shell{Env: []string{"A B=b"}}, "environment"},
	} {
		var fe *FieldError
		got := ""
		if errors.As(tt.shell.Check(), &fe) {
			got = fe.Field
		}
		if got != tt.bad {
			t.Errorf("%+v: bad field %q, want %q", tt.shell, got, tt.bad)
		}
	}
}

func TestCommand(t *testing.T) {
	s := Shell{}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if c := s.Command(); c.Path != "/bin/sh" || c.Args[len(c.Args)-1] != "root" {
		t.Errorf("shell of nobody in particular: %q %q", c.Path, c.Args)
	}
	s = Shell{User: "u", Path: "/bin/ls"}
	if c := s.Command(); c.Path != "/bin/ls" || !slices.Equal(c.Args, []string{"/bin/ls"}) {
		t.Errorf("program without arguments: %q %q", c.Path, c.Args)
	}
	s.Args = []string{"ls", "-l"}
	if c := s.Command(); !slices.Equal(c.Args, s.Args) {
		t.Errorf("program with arguments: %q", c.Args)
	}
}

// A shell that passes has a user that is one, an absolute program and
// assignments of variables that every shell takes.
func FuzzShell(f *testing.F) {
	f.Add("root", "/bin/sh", "A_1=x\ny")
	f.Add("a:b", "sh", "1=x")
	f.Add("", "", "=\x00")
	f.Fuzz(func(t *testing.T, user, path, env string) {
		s := Shell{User: user, Path: path, Env: []string{env}}
		err := s.Check()
		var fe *FieldError
		if err != nil {
			if !errors.As(err, &fe) || fe.Field == "" || fe.Reason == "" {
				t.Errorf("refusal %q", err)
			}
			return
		}
		if s.User == "" || strings.ContainsAny(s.User, ":/\n \t") || len(s.User) > 256 {
			t.Errorf("user %q", s.User)
		}
		c := s.Command()
		if len(c.Args) == 0 || c.Path[0] != '/' {
			t.Errorf("command %+v", c)
		}
		name, _, _ := strings.Cut(env, "=")
		if strings.Trim(strings.ToUpper(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" || name == "" {
			t.Errorf("variable %q", name)
		}
	})
}

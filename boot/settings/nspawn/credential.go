// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"strings"
	"unicode"

	"machined-go/boot"
)

// maxCredentialID is FDNAME_MAX, which names of credentials obey.
const maxCredentialID = 255

// credential splits ID:REST.
func credential(value string) (id, rest string, err error) {
	id, rest, ok := strings.Cut(value, ":")
	if !ok {
		return "", "", fmt.Errorf("credential %q is not ID:VALUE", id)
	}
	control := func(r rune) bool { return unicode.IsControl(r) || r > unicode.MaxASCII }
	if id == "" || id == "." || id == ".." || len(id) > maxCredentialID || strings.ContainsRune(id, '/') || strings.ContainsFunc(id, control) {
		return "", "", fmt.Errorf("%q is not the name of a credential", id)
	}
	return id, rest, nil
}

// setCredential is ID:VALUE, with C's escapes in the value.
func setCredential(s *boot.Spec, value string) error {
	id, rest, err := credential(value)
	if err != nil {
		return err
	}
	if rest, err = unescape(rest); err != nil {
		return fmt.Errorf("credential %s: %w", id, err)
	}
	add(&s.Integration.Credentials, boot.Credential{ID: id, Value: rest})
	return nil
}

// loadCredential is ID:PATH, or ID:NAME for a credential that we were given ourselves.
func loadCredential(s *boot.Spec, value string) error {
	id, rest, err := credential(value)
	if err != nil {
		return err
	}
	if rest == "" {
		return fmt.Errorf("credential %s has no path", id)
	}
	add(&s.Integration.Credentials, boot.Credential{ID: id, Path: rest})
	return nil
}

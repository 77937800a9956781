// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"reflect"

	"github.com/godbus/dbus/v5"
)

// resend makes a received variant fit to be sent again. godbus decodes a struct
// to []any, which it would encode as an array of variants, so the value is
// stored into a Go type made from its signature.
func resend(v dbus.Variant) (dbus.Variant, error) {
	t, rest, err := goType(v.Signature().String())
	if err != nil {
		return v, err
	}
	if rest != "" {
		return v, fmt.Errorf("signature %q is not one type", v.Signature())
	}
	if stray(reflect.ValueOf(v.Value())) {
		return v, fmt.Errorf("descriptor is not there")
	}
	into := reflect.New(t)
	if err := dbus.Store([]any{v.Value()}, into.Interface()); err != nil {
		return v, err
	}
	if err := resendWithin(into.Elem()); err != nil {
		return v, err
	}
	return dbus.MakeVariantWithSignature(into.Elem().Interface(), v.Signature()), nil
}

// resendWithin does the same with the variants in a value.
func resendWithin(v reflect.Value) error {
	switch {
	case v.Type() == basicTypes['v']:
		again, err := resend(v.Interface().(dbus.Variant))
		v.Set(reflect.ValueOf(again))
		return err
	case v.Type() == basicTypes['g']: // a struct of Go, not of D-Bus
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if err := resendWithin(v.Field(i)); err != nil {
				return err
			}
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		for i := range v.Len() {
			if err := resendWithin(v.Index(i)); err != nil {
				return err
			}
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			elem := reflect.New(v.Type().Elem()).Elem()
			elem.Set(v.MapIndex(key))
			if err := resendWithin(elem); err != nil {
				return err
			}
			v.SetMapIndex(key, elem)
		}
	}
	return nil
}

// stray tells whether a value refers to a descriptor that did not come with
// it. As a number it would be one of ours.
func stray(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Uint32:
		return v.Type() == reflect.TypeFor[dbus.UnixFDIndex]()
	case reflect.Interface:
		return stray(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if stray(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if stray(key) || stray(v.MapIndex(key)) {
				return true
			}
		}
	}
	return false
}

var basicTypes = map[byte]reflect.Type{
	'y': reflect.TypeFor[byte](), 'b': reflect.TypeFor[bool](), 'n': reflect.TypeFor[int16](), 'q': reflect.TypeFor[uint16](),
	'i': reflect.TypeFor[int32](), 'u': reflect.TypeFor[uint32](), 'x': reflect.TypeFor[int64](), 't': reflect.TypeFor[uint64](),
	'd': reflect.TypeFor[float64](), 's': reflect.TypeFor[string](), 'o': reflect.TypeFor[dbus.ObjectPath](),
	'g': reflect.TypeFor[dbus.Signature](), 'v': reflect.TypeFor[dbus.Variant](), 'h': reflect.TypeFor[dbus.UnixFD](),
}

// goType makes the Go type of the first complete type of a signature.
func goType(sig string) (t reflect.Type, rest string, err error) {
	if sig == "" {
		return nil, "", fmt.Errorf("signature ends early")
	}
	if t, ok := basicTypes[sig[0]]; ok {
		return t, sig[1:], nil
	}
	switch {
	case sig[0] == '(':
		return structType(sig[1:])
	case sig[0] == 'a' && len(sig) > 2 && sig[1] == '{':
		return mapType(sig[2:])
	case sig[0] == 'a':
		elem, rest, err := goType(sig[1:])
		if err != nil {
			return nil, "", err
		}
		return reflect.SliceOf(elem), rest, nil
	}
	return nil, "", fmt.Errorf("unknown type %q", sig)
}

func structType(sig string) (t reflect.Type, rest string, err error) {
	var fields []reflect.StructField
	for len(sig) > 0 && sig[0] != ')' {
		var f reflect.Type
		if f, sig, err = goType(sig); err != nil {
			return nil, "", err
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", len(fields)), Type: f})
	}
	if sig == "" || len(fields) == 0 {
		return nil, "", fmt.Errorf("struct is not closed")
	}
	return reflect.StructOf(fields), sig[1:], nil
}

func mapType(sig string) (t reflect.Type, rest string, err error) {
	key, sig, err := goType(sig)
	if err != nil {
		return nil, "", err
	}
	elem, sig, err := goType(sig)
	if err != nil {
		return nil, "", err
	}
	if sig == "" || sig[0] != '}' || !key.Comparable() {
		return nil, "", fmt.Errorf("dictionary is not closed")
	}
	return reflect.MapOf(key, elem), sig[1:], nil
}

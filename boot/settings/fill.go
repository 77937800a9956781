// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"encoding"
	"reflect"

	"machined-go/boot/settings/schema"
)

// fill sets what a value says, and nothing else. The value has been checked; an error is that of a type of its own.
func fill(to reflect.Value, v *Value, t *schema.Type) error {
	if to.Kind() == reflect.Pointer {
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		to = to.Elem()
	}
	if own, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := own.UnmarshalText([]byte(v.Leaf.(string))); err != nil {
			return mistake(v.From, "%v", err)
		}
		return nil
	}
	switch t.Kind {
	case schema.String:
		to.SetString(v.Leaf.(string))
	case schema.Bool:
		to.SetBool(v.Leaf.(bool))
	case schema.Integer:
		if to.CanUint() {
			to.SetUint(uint64(v.Leaf.(int64)))
		} else {
			to.SetInt(v.Leaf.(int64))
		}
	case schema.Float:
		n, ok := v.Leaf.(float64)
		if !ok {
			n = float64(v.Leaf.(int64))
		}
		to.SetFloat(n)
	case schema.List:
		return fillList(to, v, t)
	case schema.Map:
		return fillMap(to, v, t)
	case schema.Table:
		return fillTable(to, v, t)
	}
	return nil
}

func fillList(to reflect.Value, v *Value, t *schema.Type) error {
	to.Set(reflect.MakeSlice(to.Type(), len(v.List), len(v.List)))
	for i, item := range v.List {
		if err := fill(to.Index(i), item, t.Elem); err != nil {
			return err
		}
	}
	return nil
}

// fillMap leaves what other keys have, in a map of its own.
func fillMap(to reflect.Value, v *Value, t *schema.Type) error {
	all := reflect.MakeMap(to.Type())
	for i := to.MapRange(); i.Next(); {
		all.SetMapIndex(i.Key(), i.Value())
	}
	for key, inner := range v.Table {
		elem := reflect.New(to.Type().Elem()).Elem()
		if err := fill(elem, inner, t.Elem); err != nil {
			return err
		}
		all.SetMapIndex(reflect.ValueOf(key).Convert(to.Type().Key()), elem)
	}
	to.Set(all)
	return nil
}

func fillTable(to reflect.Value, v *Value, t *schema.Type) error {
	for _, key := range v.keys() {
		f, ok := t.Field(key)
		if !ok {
			continue // include and reset are no settings of a machine
		}
		if err := fill(to.FieldByIndex(f.Index), v.Table[key], f.Type); err != nil {
			return err
		}
	}
	return nil
}

// from gives as a value what a Go value holds beyond another of the same type; nil if that is nothing.
func from(v, base reflect.Value, t *schema.Type, at Place) *Value {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		if !base.IsNil() && reflect.DeepEqual(v.Interface(), base.Interface()) {
			return nil
		}
		return fromWhole(v.Elem(), t, at)
	}
	if t.Kind == schema.Table {
		table := newTable(at)
		for _, f := range t.Fields {
			if inner := from(v.FieldByIndex(f.Index), base.FieldByIndex(f.Index), f.Type, at); inner != nil {
				table.Table[f.Key] = inner
			}
		}
		if len(table.Table) == 0 {
			return nil
		}
		return table
	}
	if reflect.DeepEqual(v.Interface(), base.Interface()) {
		return nil
	}
	return fromWhole(v, t, at)
}

// fromWhole gives all that a Go value holds; of tables in lists, what is not zero.
func fromWhole(v reflect.Value, t *schema.Type, at Place) *Value {
	if own, ok := v.Interface().(encoding.TextMarshaler); ok {
		if text, err := own.MarshalText(); err == nil {
			return &Value{Leaf: string(text), From: at}
		}
	}
	switch t.Kind {
	case schema.Integer:
		if v.CanUint() {
			return &Value{Leaf: int64(v.Uint()), From: at}
		}
		return &Value{Leaf: v.Int(), From: at}
	case schema.List:
		list := make([]*Value, v.Len())
		for i := range list {
			list[i] = fromWhole(v.Index(i), t.Elem, at)
		}
		return &Value{List: list, From: at}
	case schema.Map:
		table := newTable(at)
		for i := v.MapRange(); i.Next(); {
			table.Table[i.Key().String()] = fromWhole(i.Value(), t.Elem, at)
		}
		return table
	case schema.Table:
		if table := from(v, reflect.Zero(v.Type()), t, at); table != nil {
			return table
		}
		return newTable(at)
	}
	return &Value{Leaf: v.Interface(), From: at}
}

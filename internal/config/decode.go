package config

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// decode sets target to v, or says what would have been allowed.
func decode(target reflect.Value, k Key, v value) (allowed string) {
	switch t := target.Addr().Interface().(type) {
	case *time.Duration:
		return decodeDuration(t, v)
	case *[]netip.AddrPort:
		return decodeTexts(t, v, parseAddrPort, `IP:PORT, such as "0.0.0.0:6969" or "[::]:6969", a list of them, or "" to listen nowhere`)
	case *[]netip.Prefix:
		return decodeTexts(t, v, parseNetwork, `a network such as "10.0.0.0/8" or "2001:db8::/32", an address, or a list of them`)
	case *[]netip.Addr:
		return decodeTexts(t, v, parseAddr, `an IP address such as "192.0.2.1" or "2001:db8::1", or a list of them`)
	case *[]string:
		return decodeList(t, v, decodeString, `a list of strings, such as ["a", "b"]`)
	case *[]int:
		return decodeList(t, v, decodeInt, "a list of whole numbers, such as [1, 2]")
	case *int:
		if k.Field.Tag.Get("unit") == "bytes" {
			return decodeSize(t, v)
		}
		return decodeInt(t, v)
	case *bool:
		return decodeBool(t, v)
	case *string:
		if v.kind == kindBool && takesBool[k.Path] {
			v.kind = kindString
		}
		return decodeString(t, v)
	}
	panic("config: " + k.Path + " has type " + target.Type().String() + ", which nothing decodes")
}

func decodeString(target *string, v value) (allowed string) {
	if v.kind != kindString && v.kind != kindLoose {
		return "a string in quotes"
	}
	*target = v.text
	return ""
}

func decodeBool(target *bool, v value) (allowed string) {
	switch {
	case v.kind != kindBool && v.kind != kindLoose:
	case v.text == "true":
		*target = true
		return ""
	case v.text == "false":
		*target = false
		return ""
	}
	return "true or false (without quotes)"
}

// beyondInt is what decode says of a number that no int can hold. What would
// be allowed instead is the room's to say.
const beyondInt = "a smaller number"

func decodeInt(target *int, v value) (allowed string) {
	var n int64
	var err error
	switch v.kind {
	case kindInteger: // with 0x, 0o, 0b and underscores, all of which the parser has checked
		n, err = strconv.ParseInt(v.text, 0, 0)
	case kindLoose:
		n, err = strconv.ParseInt(strings.TrimSpace(v.text), 10, 0)
	default:
		return "a whole number (without quotes)"
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return beyondInt
	case err != nil:
		return "a whole number"
	}
	*target = int(n)
	return ""
}

func decodeDuration(target *time.Duration, v value) (allowed string) {
	const want = `a duration with a unit, such as "90s", "30m" or "1h30m"`
	switch v.kind {
	case kindString, kindLoose:
	case kindInteger: // a bare number could be seconds or minutes, but 0 is 0
		if v.text != "0" {
			return want
		}
	default:
		return want
	}
	d, err := time.ParseDuration(strings.TrimSpace(v.text))
	if err != nil {
		return want
	}
	*target = d
	return ""
}

var units = []struct {
	name   string
	bytes  int64
	binary bool
}{
	{"B", 1, false},
	{"KB", 1e3, false},
	{"MB", 1e6, false},
	{"GB", 1e9, false},
	{"KiB", 1 << 10, true},
	{"MiB", 1 << 20, true},
	{"GiB", 1 << 30, true},
}

func decodeSize(target *int, v value) (allowed string) {
	const want = `a size such as "64KiB", "8MiB" or "1GiB", or a number of bytes`
	text := strings.TrimSpace(v.text)
	var unit int64 = 1
	switch v.kind {
	case kindInteger:
		if decodeInt(target, v) != "" {
			return want
		}
		return ""
	case kindString, kindLoose:
		end := strings.LastIndexAny(text, "0123456789") + 1
		if name := strings.TrimSpace(text[end:]); name != "" {
			unit = 0
			for _, u := range units {
				if strings.EqualFold(name, u.name) {
					unit = u.bytes
				}
			}
		}
		text = text[:end]
	default:
		return want
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || unit == 0 || n < 0 {
		return want
	}
	if n > math.MaxInt/unit {
		return want + ", up to " + strconv.Itoa(math.MaxInt) + " bytes"
	}
	*target = int(n * unit)
	return ""
}

// decodeTexts reads one text, a list of them, or "" for none.
func decodeTexts[T any](target *[]T, v value, parse func(text string) (T, bool), want string) (allowed string) {
	several := len(v.list) > 1 || v.kind == kindLoose && strings.ContainsRune(v.text, ',')
	if v.kind == kindString {
		list := []value{v}
		if v.text == "" {
			list = nil
		}
		v = value{kind: kindList, list: list}
	}
	wrong := ""
	allowed = decodeList(target, v, func(element *T, v value) string {
		ok := v.kind == kindString || v.kind == kindLoose
		if ok {
			*element, ok = parse(strings.TrimSpace(v.text))
		}
		if !ok {
			wrong = v.String()
			return want
		}
		return ""
	}, want)
	if several && wrong != "" {
		allowed += "; " + wrong + " is none"
	}
	return allowed
}

func parseAddrPort(text string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddrPort(text)
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), err == nil
}

func parseAddr(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	return a.Unmap(), err == nil && a.Zone() == ""
}

// parseNetwork reads a network, whatever address of it is written, or a single
// address.
func parseNetwork(text string) (netip.Prefix, bool) {
	if a, ok := parseAddr(text); ok {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		const mapped = 128 - 32 // bits in front of the IPv4 address
		if p.Bits() < mapped {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), true
}

func decodeList[T any](target *[]T, v value, element func(*T, value) string, want string) (allowed string) {
	list := v.list
	switch v.kind {
	case kindList:
	case kindLoose:
		var err error
		if list, err = looseList(v.text); err != nil {
			return want
		}
	default:
		return want
	}
	all := make([]T, len(list))
	for i, v := range list {
		if element(&all[i], v) != "" {
			return want
		}
	}
	*target = all
	return ""
}

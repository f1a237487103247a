package mdoc

import "bytes"

// addTo puts the claim among the others.
func (d disclosed) addTo(claims map[string]map[string]any) error {
	if _, twice := claims[d.namespace][d.element]; twice {
		return fault(DuplicateClaim, "%q in %q", d.element, d.namespace)
	}
	value, err := d.value.plain()
	if err != nil {
		return within(d.element, err)
	}
	if claims[d.namespace] == nil {
		claims[d.namespace] = map[string]any{}
	}
	claims[d.namespace][d.element] = value
	return nil
}

// plain is the value in Go's own types, sharing no memory with the item.
func (it item) plain() (any, error) {
	switch it.kind {
	case unsigned, negative:
		n, ok := it.integer()
		if !ok {
			return nil, fault(Malformed, "a number beyond 64 bits")
		}
		return n, nil
	case byteString:
		return bytes.Clone(it.content), nil
	case textString:
		return string(it.content), nil
	case array:
		list := make([]any, len(it.items))
		for i, element := range it.items {
			var err error
			if list[i], err = element.plain(); err != nil {
				return nil, err
			}
		}
		return list, nil
	case mapping:
		return it.plainMap()
	case tag:
		if it.n != tagTime && it.n != tagDate || it.items[0].kind != textString {
			return nil, fault(Malformed, "tag %d is unknown in a claim", it.n)
		}
		return string(it.items[0].content), nil
	}
	switch it.n {
	case simpleFalse:
		return false, nil
	case simpleTrue:
		return true, nil
	}
	return nil, nil // null
}

func (it item) plainMap() (any, error) {
	m := map[string]any{}
	for i := 0; i < len(it.items); i += 2 {
		if it.items[i].kind != textString {
			return nil, fault(Malformed, "a key that is not text in a claim")
		}
		value, err := it.items[i+1].plain()
		if err != nil {
			return nil, err
		}
		m[string(it.items[i].content)] = value
	}
	return m, nil
}

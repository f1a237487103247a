package mdoc

import "slices"

const maxName = 255 // bytes of a document type, namespace or element identifier

// document is the one document of a DeviceResponse (ISO 18013-5 §8.3.2.1.2.2).
type document struct {
	docType     string
	disclosed   []disclosed
	issuerAuth  item
	deviceNames item // DeviceNameSpacesBytes
	deviceAuth  item
}

// disclosed is an IssuerSignedItem and where it stands.
type disclosed struct {
	namespace string
	element   string
	digestID  uint64
	random    []byte
	value     item
	signed    []byte // IssuerSignedItemBytes as received, of which the issuer signed the digest
}

// fields reads a map with text keys: required ones, and optional ones, whose
// names end in "?". What the standard does not name is refused.
func fields(it item, place string, names ...string) (map[string]item, error) {
	if it.kind != mapping {
		return nil, fault(Malformed, "%s is no map", place)
	}
	found := map[string]item{}
	for i := 0; i < len(it.items); i += 2 {
		key := it.items[i]
		name := string(key.content)
		if key.kind != textString || !slices.Contains(names, name) && !slices.Contains(names, name+"?") {
			return nil, fault(Malformed, "%s has an unknown key: %s", place, key)
		}
		found[name] = it.items[i+1]
	}
	for _, name := range names {
		if _, ok := found[name]; !ok && name[len(name)-1] != '?' {
			return nil, fault(Malformed, "%s has no %s", place, name)
		}
	}
	return found, nil
}

// parseResponse reads a DeviceResponse with exactly one document.
func parseResponse(response []byte) (*document, error) {
	root, err := decode(response)
	if err != nil {
		return nil, err
	}
	top, err := fields(root, "DeviceResponse", "version", "status", "documents?", "documentErrors?")
	if err != nil {
		return nil, err
	}
	if !isText(top["version"], "1.0") {
		return nil, fault(ResponseVersion, "of DeviceResponse is not 1.0")
	}
	if status, ok := top["status"].integer(); !ok || status != 0 {
		return nil, fault(ResponseStatus, "%s", top["status"])
	}
	documents := top["documents"]
	if documents.kind != array || len(documents.items) != 1 {
		return nil, fault(DocumentCount, "%d documents, there must be one", len(documents.items))
	}
	return parseDocument(documents.items[0])
}

func parseDocument(it item) (*document, error) {
	top, err := fields(it, "Document", "docType", "issuerSigned", "deviceSigned", "errors?")
	if err != nil {
		return nil, err
	}
	docType, err := shortText(top["docType"], "docType")
	if err != nil {
		return nil, err
	}
	issuerSigned, err := fields(top["issuerSigned"], "IssuerSigned", "issuerAuth", "nameSpaces?")
	if err != nil {
		return nil, err
	}
	deviceSigned, err := fields(top["deviceSigned"], "DeviceSigned", "nameSpaces", "deviceAuth")
	if err != nil {
		return nil, err
	}
	d := &document{
		docType:     docType,
		issuerAuth:  issuerSigned["issuerAuth"],
		deviceNames: deviceSigned["nameSpaces"],
		deviceAuth:  deviceSigned["deviceAuth"],
	}
	if namespaces, some := issuerSigned["nameSpaces"]; some {
		d.disclosed, err = parseNamespaces(namespaces)
	}
	return d, err
}

func parseNamespaces(it item) ([]disclosed, error) {
	if it.kind != mapping {
		return nil, fault(Malformed, "nameSpaces is no map")
	}
	var all []disclosed
	for i := 0; i < len(it.items); i += 2 {
		namespace, err := shortText(it.items[i], "namespace")
		if err != nil {
			return nil, err
		}
		list := it.items[i+1]
		if list.kind != array {
			return nil, fault(Malformed, "namespace %q is no list", namespace)
		}
		for _, encoded := range list.items {
			one, err := parseDisclosed(namespace, encoded)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

func parseDisclosed(namespace string, encoded item) (disclosed, error) {
	it, err := encoded.embedded()
	if err != nil {
		return disclosed{}, within("IssuerSignedItem", err)
	}
	parts, err := fields(it, "IssuerSignedItem", "digestID", "random", "elementIdentifier", "elementValue")
	if err != nil {
		return disclosed{}, err
	}
	element, err := shortText(parts["elementIdentifier"], "elementIdentifier")
	if err != nil {
		return disclosed{}, err
	}
	if parts["digestID"].kind != unsigned || parts["random"].kind != byteString {
		return disclosed{}, fault(Malformed, "digestID or random of %q has the wrong type", element)
	}
	return disclosed{
		namespace: namespace,
		element:   element,
		digestID:  parts["digestID"].n,
		random:    parts["random"].content,
		value:     parts["elementValue"],
		signed:    encoded.raw,
	}, nil
}

func shortText(it item, what string) (string, error) {
	if it.kind != textString || len(it.content) == 0 || len(it.content) > maxName {
		return "", fault(Malformed, "%s is not text of 1 to %d bytes", what, maxName)
	}
	return string(it.content), nil
}

func isText(it item, s string) bool { return it.kind == textString && string(it.content) == s }

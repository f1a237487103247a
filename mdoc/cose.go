package mdoc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha256" // ES256
	_ "crypto/sha512" // ES384, ES512
	"math/big"
)

// COSE header labels and algorithms (RFC 9052 §3.1, RFC 9053 §2, RFC 9360 §2).
const (
	labelAlgorithm = 1
	labelCritical  = 2
	labelX5Chain   = 33

	algES256 = -7
	algEdDSA = -8
	algES384 = -35
	algES512 = -36
)

// sign1 is a COSE_Sign1 (RFC 9052 §4.2).
type sign1 struct {
	protected   []byte // as signed
	algorithm   int64
	unprotected item
	payload     item // byte string, or null when detached
	signature   []byte
}

func parseSign1(it item) (sign1, error) {
	if it.kind != array || len(it.items) != 4 {
		return sign1{}, fault(Malformed, "no COSE_Sign1")
	}
	protected, unprotected, payload, signature := it.items[0], it.items[1], it.items[2], it.items[3]
	if protected.kind != byteString || unprotected.kind != mapping || signature.kind != byteString ||
		payload.kind != byteString && !payload.isNull() {
		return sign1{}, fault(Malformed, "a part of COSE_Sign1 has the wrong type")
	}
	s := sign1{protected: protected.content, unprotected: unprotected, payload: payload, signature: signature.content}
	if len(s.protected) == 0 {
		return sign1{}, fault(WrongAlgorithm, "the protected header names none")
	}
	header, err := decode(s.protected)
	if err != nil {
		return sign1{}, within("protected header", err)
	}
	if header.kind != mapping {
		return sign1{}, fault(Malformed, "the protected header is no map")
	}
	if _, critical := header.label(labelCritical); critical {
		return sign1{}, fault(Malformed, "the protected header holds something critical that is unknown here")
	}
	if _, twice := unprotected.label(labelAlgorithm); twice {
		return sign1{}, fault(WrongAlgorithm, "named where the signature does not cover it")
	}
	named, _ := header.label(labelAlgorithm)
	algorithm, ok := named.integer()
	if !ok || named.raw == nil {
		return sign1{}, fault(WrongAlgorithm, "the protected header names none")
	}
	s.algorithm = algorithm
	return s, nil
}

// verify checks the signature over payload. name is the defect to report when
// it does not hold.
func (s sign1) verify(key crypto.PublicKey, payload []byte, name Name) error {
	message := appendHead(nil, array, 4)
	message = appendText(message, "Signature1")
	message = appendBytes(message, s.protected)
	message = appendBytes(message, nil) // no external data
	message = appendBytes(message, payload)

	switch key := key.(type) {
	case *ecdsa.PublicKey:
		alg, ok := algorithmOf(key.Curve)
		if !ok || s.algorithm != alg.cose {
			return fault(WrongAlgorithm, "%d with a key on %s", s.algorithm, curveName(key.Curve))
		}
		digest := alg.hash.New()
		digest.Write(message)
		size := (key.Curve.Params().BitSize + 7) / 8
		if len(s.signature) != 2*size {
			return fault(name, "%d bytes, a signature has %d", len(s.signature), 2*size)
		}
		r, t := new(big.Int).SetBytes(s.signature[:size]), new(big.Int).SetBytes(s.signature[size:])
		if !ecdsa.Verify(key, digest.Sum(nil), r, t) {
			return fault(name, "does not hold")
		}
		return nil
	case ed25519.PublicKey:
		if s.algorithm != algEdDSA || len(key) != ed25519.PublicKeySize {
			return fault(WrongAlgorithm, "%d with an Ed25519 key", s.algorithm)
		}
		if !ed25519.Verify(key, message, s.signature) {
			return fault(name, "does not hold")
		}
		return nil
	}
	return fault(WrongAlgorithm, "no signatures are checked with a %T", key)
}

// ecdsaAlgorithm pairs an algorithm with the one curve that it is used with
// here, and their numbers in COSE.
type ecdsaAlgorithm struct {
	cose     int64
	coseName int64 // of the curve
	hash     crypto.Hash
}

func algorithmOf(curve elliptic.Curve) (ecdsaAlgorithm, bool) {
	switch curve {
	case elliptic.P256():
		return ecdsaAlgorithm{algES256, 1, crypto.SHA256}, true
	case elliptic.P384():
		return ecdsaAlgorithm{algES384, 2, crypto.SHA384}, true
	case elliptic.P521():
		return ecdsaAlgorithm{algES512, 3, crypto.SHA512}, true
	}
	return ecdsaAlgorithm{}, false
}

func curveName(curve elliptic.Curve) string {
	if curve == nil {
		return "no curve"
	}
	return curve.Params().Name
}

// COSE_Key labels and values (RFC 9053 §7).
const (
	keyType    = 1
	keyCurve   = -1
	keyX       = -2
	keyY       = -3
	typeOKP    = 1
	typeEC2    = 2
	crvEd25519 = 6
)

// parseKey reads a public COSE_Key: EC2 on P-256, P-384 or P-521 with both
// coordinates, or Ed25519.
func parseKey(it item) (crypto.PublicKey, error) {
	number := func(label int64) int64 {
		value, _ := it.label(label)
		n, _ := value.integer()
		return n
	}
	x, _ := it.label(keyX)
	if x.kind != byteString {
		return nil, fault(BadDeviceKey, "no x coordinate")
	}
	switch number(keyType) {
	case typeOKP:
		if number(keyCurve) != crvEd25519 || len(x.content) != ed25519.PublicKeySize {
			return nil, fault(BadDeviceKey, "not Ed25519")
		}
		return ed25519.PublicKey(append([]byte(nil), x.content...)), nil
	case typeEC2:
		y, _ := it.label(keyY)
		return parsePoint(number(keyCurve), x, y)
	}
	return nil, fault(BadDeviceKey, "neither EC2 nor OKP")
}

func parsePoint(coseCurve int64, x, y item) (crypto.PublicKey, error) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if alg, _ := algorithmOf(curve); alg.coseName != coseCurve {
			continue
		}
		size := (curve.Params().BitSize + 7) / 8
		if y.kind != byteString || len(x.content) != size || len(y.content) != size {
			return nil, fault(BadDeviceKey, "coordinates are not two byte strings of %d", size)
		}
		point := make([]byte, 0, 1+2*size) // a copy: appending to x would write into the message
		point = append(point, 4)
		point = append(point, x.content...)
		point = append(point, y.content...)
		key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			return nil, fault(BadDeviceKey, "the point is not on the curve")
		}
		return key, nil
	}
	return nil, fault(BadDeviceKey, "curve %d", coseCurve)
}

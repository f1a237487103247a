package model

import (
	_ "embed" // the weights
)

//go:embed weights.bin
var weights []byte

// Shipped is the model that the program holds. `breakwater text train` makes its file.
func Shipped() (*Model, error) { return Read(weights) }

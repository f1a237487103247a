package model

// A Class is what kind of word a word is, for the model. Words of some classes are
// read as their class only: the model can't weigh one group of people against another
// if it does not see which it is.
type Class uint8

// The classes. Their numbers are part of the model file.
const (
	NoClass  Class = iota
	Group          // people by a protected trait: nationality, religion, ethnicity, sexuality, disability …
	Trait          // such a trait that is also an ordinary word, as "black": Group before a Person
	Women          // and girls
	Men            // and boys
	Person         // people, person, man …: whom a Trait describes
	Other          // people by what they do or like, artists or fans, and things one may dislike
	Second         // you
	First          // I
	Third          // they
	Negation       // not, never
	Report         // said, called
	Child          // child, kid, pupil
	Family         // mother, brother
	Verdict        // wrong, unacceptable: words against what is said
	Help           // helpline, therapist, recovery
	Youth          // young, school, student: of a child or of a young adult

	classCount
)

var classNames = [classCount]string{
	"none", "group", "trait", "women", "men", "person", "other", "second", "first", "third",
	"negation", "report", "child", "family", "verdict", "help", "youth",
}

// ParseClass finds a class by its name.
func ParseClass(name string) (Class, bool) {
	for i, n := range classNames {
		if n == name && i > 0 {
			return Class(i), true
		}
	}
	return NoClass, false
}

// isHidden is true for classes whose words the model does not see.
func (c Class) isHidden() bool { return c == Group }

// isMarked is true for classes whose presence in a sentence is a feature.
func (c Class) isMarked() bool { return c != NoClass && c != Trait && c != Person }

// isPeople is true for words that a Trait describes.
func (c Class) isPeople() bool {
	return c == Person || c == Women || c == Men || c == Child || c == Family
}

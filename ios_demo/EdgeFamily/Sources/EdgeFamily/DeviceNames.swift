/// Returns a device's name for comparison: "SM-S918B" and "sm s918b" are the same.
///
/// ASCII letters become lower case, every run of other ASCII characters than letters and digits one space, none at the
/// ends. Characters beyond ASCII stay.
func normalized(_ name: String) -> String {
    let kept = name.unicodeScalars.map { scalar -> Unicode.Scalar in
        switch scalar {
        case "A"..."Z": return Unicode.Scalar(UInt8(scalar.value) + 32)
        case "a"..."z", "0"..."9": return scalar
        default: return scalar.value > 127 ? scalar : " "
        }
    }
    return String(String.UnicodeScalarView(kept)).split(separator: " ").joined(separator: " ")
}

/// Returns the prefix that two names share, if it tells a kind of device; otherwise "".
///
/// It never cuts a number in two, and it holds a digit or is all of both names: "pixel 8" is a kind, "pixel" is not.
func commonPrefix(_ a: String, _ b: String) -> String {
    let first = Array(normalized(a).unicodeScalars)
    let second = Array(normalized(b).unicodeScalars)
    var prefix = Array(zip(first, second).prefix { $0 == $1 }.map(\.0))
    let cutsNumber = [first, second].contains { $0.count > prefix.count && isDigit($0[prefix.count]) }
    if cutsNumber { while let last = prefix.last, isDigit(last) { prefix.removeLast() } }
    while prefix.last == " " { prefix.removeLast() }
    let isKind = prefix.contains(where: isDigit) || (prefix == first && prefix == second)
    return isKind ? String(String.UnicodeScalarView(prefix)) : ""
}

private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

import Foundation

/// A drawing: strokes of points in units of the field, one after another.
public struct Ink: Equatable, Sendable {
    public struct Point: Equatable, Sendable {
        public let x: Double
        public let y: Double

        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    public private(set) var strokes: [[Point]] = []

    public var isEmpty: Bool { strokes.isEmpty }

    mutating func begin(_ point: Point) { strokes.append([point]) }

    mutating func move(_ point: Point) {
        if strokes.isEmpty { strokes.append([]) }
        strokes[strokes.count - 1].append(point)
    }

    private static let dots = 32
    private static let fields = 8
    private static let width = 26.0
    private static let pen = 4.5

    /// Returns the drawing as the digits of the training set are: 32 × 32 dots, as high as the digit, ink counted in
    /// 8 × 8 fields, and these interpolated to `height` × `width`, bright on dark, in 0..1.
    func image(height: Int, width: Int) -> [Float] {
        let fields = counted(bitmap())
        let last = Ink.fields - 1
        return (0..<height * width).map { place in
            let y = max(0, (Double(place / width) + 0.5) * Double(Ink.fields) / Double(height) - 0.5)
            let x = max(0, (Double(place % width) + 0.5) * Double(Ink.fields) / Double(width) - 0.5)
            let (top, left) = (Int(y), Int(x))
            func at(_ row: Int, _ column: Int) -> Double { fields[min(row, last) * Ink.fields + min(column, last)] }
            let upper = at(top, left) + (x - Double(left)) * (at(top, left + 1) - at(top, left))
            let lower = at(top + 1, left) + (x - Double(left)) * (at(top + 1, left + 1) - at(top + 1, left))
            return Float(upper + (y - Double(top)) * (lower - upper))
        }
    }

    private func bitmap() -> [Bool] {
        var bits = [Bool](repeating: false, count: Ink.dots * Ink.dots)
        let (xs, ys) = (strokes.flatMap { $0.map(\.x) }, strokes.flatMap { $0.map(\.y) })
        guard let left = xs.min(), let right = xs.max(), let top = ys.min(), let bottom = ys.max() else { return bits }
        let inner = Double(Ink.dots) - Ink.pen
        let scale = min(inner / max(bottom - top, 1e-6), (Ink.width - Ink.pen) / max(right - left, 1e-6))
        func dot(_ point: Point) -> Point {
            let middle = Double(Ink.dots) / 2
            return Point(
                (point.x - (left + right) / 2) * scale + middle, (point.y - (top + bottom) / 2) * scale + middle)
        }
        for stroke in strokes {
            let points = stroke.map(dot)
            for (index, from) in points.enumerated() {
                let to = index + 1 < points.count ? points[index + 1] : from
                for place in bits.indices where !bits[place] {
                    let center = Point(Double(place % Ink.dots) + 0.5, Double(place / Ink.dots) + 0.5)
                    bits[place] = Ink.distance(center, from, to) <= Ink.pen / 2
                }
            }
        }
        return bits
    }

    private func counted(_ bits: [Bool]) -> [Double] {
        let each = Ink.dots / Ink.fields
        var sums = [Double](repeating: 0, count: Ink.fields * Ink.fields)
        for place in bits.indices where bits[place] {
            sums[place / Ink.dots / each * Ink.fields + place % Ink.dots / each] += 1 / Double(each * each)
        }
        return sums
    }

    /// The distance of a point from the line between two others.
    private static func distance(_ point: Point, _ from: Point, _ to: Point) -> Double {
        let (dx, dy) = (to.x - from.x, to.y - from.y)
        let length = dx * dx + dy * dy
        let along = ((point.x - from.x) * dx + (point.y - from.y) * dy) / max(length, 1e-12)
        let t = length == 0 ? 0 : min(max(along, 0), 1)
        return hypot(point.x - from.x - t * dx, point.y - from.y - t * dy)
    }
}

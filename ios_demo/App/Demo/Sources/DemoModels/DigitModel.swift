import EdgeFamily
import Foundation
import Observation

/// What a drawing was read as: how sure the member is of each label, in the family's order.
public struct Reading: Equatable, Sendable {
    let choice: Choice
    public let labels: [String]
    public let shares: [Float]

    var best: Int { shares.indices.max { shares[$0] < shares[$1] } ?? 0 }
}

/// The screen of digits: what is drawn is read at the end of each stroke.
@MainActor @Observable
public final class DigitModel {
    public private(set) var ink = Ink()
    public private(set) var reading: Reading?

    @ObservationIgnored private unowned let session: Session
    @ObservationIgnored private var wanted: Choice?
    @ObservationIgnored private var isDrawing = false

    init(_ session: Session) { self.session = session }

    public var title: String {
        guard let reading else { return "Draw a digit." }
        return "It is \(reading.labels[reading.best]) (\(Words.percent(Double(reading.shares[reading.best]))))"
    }

    /// A label and how sure the member is of it, in words.
    public func words(_ index: Int) -> (label: String, percent: String) {
        guard let reading else { return ("", "") }
        return (reading.labels[index], Words.percent(Double(reading.shares[index])))
    }

    /// The finger is at a point, in units of the field.
    public func draw(_ point: Ink.Point) {
        if isDrawing { ink.move(point) } else { ink.begin(point) }
        isDrawing = true
    }

    /// The finger is lifted.
    public func endStroke() {
        isDrawing = false
        read()
    }

    public func clear() {
        ink = Ink()
        isDrawing = false
        reading = nil
    }

    func picked(_ choice: Choice?) {
        let isOther = choice != wanted
        wanted = choice
        if isOther { read() }
    }

    private func read() {
        guard let choice = wanted, !ink.isEmpty, let from = session.classifier else { return }
        let (drawn, session) = (ink, session)
        session.run {
            let spec = try from.family.manifest.member(choice.member).io.inputs[0]
            let pixels = drawn.image(height: spec.shape[spec.shape.count - 2], width: spec.shape[spec.shape.count - 1])
            let (mean, std) = (Float(spec.mean.first ?? 0), Float(spec.std.first ?? 1))
            let member = try await from.load(choice, try await session.loader(choice))
            defer { member.close() }
            let image = try Tensor(spec.shape, pixels.map { ($0 - mean) / std })
            let outputs = try await member.call([spec.name: image])
            let logits = try outputs[member.io.outputs[0].name]?.floats() ?? []
            let reading = Reading(choice: choice, labels: member.io.labels, shares: DigitModel.softmax(logits))
            await self.take(reading, drawn)
        } after: {
            self.reading = nil
        }
    }

    private func take(_ reading: Reading, _ drawn: Ink) {
        if drawn != ink { return }
        self.reading = reading
        session.clearTrouble()
    }

    private nonisolated static func softmax(_ logits: [Float]) -> [Float] {
        let most = logits.max() ?? 0
        let powers = logits.map { exp($0 - most) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}

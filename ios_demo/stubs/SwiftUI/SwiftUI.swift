// What the demo app calls of SwiftUI, to check its types where SwiftUI is not. Signatures as Apple documents them:
// developer.apple.com/documentation/swiftui. What Apple declares for any `StringProtocol` or localized key takes a
// `String` here. Nothing here does anything.
@_exported import Foundation
import Observation
import UniformTypeIdentifiers

func absent(_ name: String = #function) -> Never { fatalError("\(name) is SwiftUI's, which is not here") }

// MARK: - Apps and views

@MainActor @preconcurrency
public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}

extension App {
    public static func main() { absent() }
}

@MainActor @preconcurrency
public protocol Scene {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
}

@resultBuilder
public struct SceneBuilder {
    public static func buildBlock<Content: Scene>(_ content: Content) -> Content { absent() }
}

public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) { absent() }
    public var body: Never { return absent() }
}

public enum ScenePhase: Comparable, Sendable {
    case background, inactive, active
}

@MainActor @preconcurrency
public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View, Scene {
    public var body: Never { return absent() }
}

extension Optional: View where Wrapped: View {
    public var body: Never { return absent() }
}

@resultBuilder
public struct ViewBuilder {
    public static func buildBlock() -> EmptyView { absent() }
    public static func buildBlock<Content: View>(_ content: Content) -> Content { absent() }
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> TupleView<
        (repeat each Content)
    > {
        absent()
    }
    public static func buildExpression<Content: View>(_ content: Content) -> Content { absent() }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { absent() }
}

public struct EmptyView: View {
    public var body: Never { return absent() }
}

public struct TupleView<T>: View {
    public var body: Never { return absent() }
}

// MARK: - State

@propertyWrapper
public struct State<Value> {
    public init(wrappedValue value: Value) { absent() }
    public init(initialValue value: Value) { absent() }
    public var wrappedValue: Value {
        get { absent() }
        nonmutating set { absent() }
    }
    public var projectedValue: Binding<Value> { absent() }
}

@propertyWrapper
public struct Binding<Value> {
    public init(projectedValue: Binding<Value>) { absent() }
    public var wrappedValue: Value {
        get { absent() }
        nonmutating set { absent() }
    }
    public var projectedValue: Binding<Value> { absent() }
}

@propertyWrapper @dynamicMemberLookup
public struct Bindable<Value> {
    public init(wrappedValue: Value) where Value: AnyObject, Value: Observable { absent() }
    public var wrappedValue: Value
    public var projectedValue: Bindable<Value> { absent() }
}

extension Bindable where Value: AnyObject {
    public subscript<Subject>(dynamicMember keyPath: ReferenceWritableKeyPath<Value, Subject>) -> Binding<Subject> {
        absent()
    }
}

public struct EnvironmentValues {
    public var scenePhase: ScenePhase { absent() }
}

@propertyWrapper
public struct Environment<Value> {
    public init(_ keyPath: KeyPath<EnvironmentValues, Value>) { absent() }
    public var wrappedValue: Value { absent() }
}

// MARK: - Layout

public struct HorizontalAlignment: Sendable {
    public static var leading: HorizontalAlignment { absent() }
    public static var center: HorizontalAlignment { absent() }
}

public struct VerticalAlignment: Sendable {
    public static var center: VerticalAlignment { absent() }
}

public struct Alignment: Sendable {
    public static var center: Alignment { absent() }
    public static var trailing: Alignment { absent() }
}

public struct Axis: Sendable {
    public struct Set: OptionSet, Sendable {
        public let rawValue: Int8
        public init(rawValue: Int8) { self.rawValue = rawValue }
        public static var horizontal: Set { absent() }
        public static var vertical: Set { absent() }
    }
}

public enum ContentMode: Sendable {
    case fit, fill
}

public struct VStack<Content: View>: View {
    public init(
        alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content
    ) { absent() }
    public var body: Never { return absent() }
}

public struct HStack<Content: View>: View {
    public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {
        absent()
    }
    public var body: Never { return absent() }
}

public struct Spacer: View {
    public init(minLength: CGFloat? = nil) { absent() }
    public var body: Never { return absent() }
}

public struct ScrollView<Content: View>: View {
    public init(_ axes: Axis.Set = .vertical, showsIndicators: Bool = true, @ViewBuilder content: () -> Content) {
        absent()
    }
    public var body: Never { return absent() }
}

public struct Grid<Content: View>: View {
    public init(
        alignment: Alignment = .center, horizontalSpacing: CGFloat? = nil, verticalSpacing: CGFloat? = nil,
        @ViewBuilder content: () -> Content
    ) { absent() }
    public var body: Never { return absent() }
}

public struct GridRow<Content: View>: View {
    public init(alignment: VerticalAlignment? = nil, @ViewBuilder content: () -> Content) { absent() }
    public var body: Never { return absent() }
}

public struct ForEach<Data: RandomAccessCollection, ID: Hashable, Content: View>: View {
    public var body: Never { return absent() }
}

extension ForEach where ID == Data.Element.ID, Data.Element: Identifiable {
    public init(_ data: Data, @ViewBuilder content: @escaping (Data.Element) -> Content) { absent() }
}

extension ForEach {
    public init(_ data: Data, id: KeyPath<Data.Element, ID>, @ViewBuilder content: @escaping (Data.Element) -> Content)
    {
        absent()
    }
}

public struct GeometryProxy {
    public var size: CGSize { absent() }
}

public struct GeometryReader<Content: View>: View {
    public init(@ViewBuilder content: @escaping (GeometryProxy) -> Content) { absent() }
    public var body: Never { return absent() }
}

public struct TabView<SelectionValue: Hashable, Content: View>: View {
    public init(selection: Binding<SelectionValue>?, @ViewBuilder content: () -> Content) { absent() }
    public var body: Never { return absent() }
}

// MARK: - Controls

public struct Text: View {
    public init(_ content: String) { absent() }
    public func bold() -> Text { absent() }
    public var body: Never { return absent() }
}

public struct Label<Title: View, Icon: View>: View {
    public var body: Never { return absent() }
}

public struct Image: View {
    public var body: Never { return absent() }
}

extension Label where Title == Text, Icon == Image {
    public init(_ title: String, systemImage name: String) { absent() }
}

public struct Button<Label: View>: View {
    public var body: Never { return absent() }
}

extension Button where Label == Text {
    public init(_ title: String, action: @escaping @MainActor () -> Void) { absent() }
}

public struct Slider: View {
    public init(value: Binding<Double>, in bounds: ClosedRange<Double>) { absent() }
    public init(value: Binding<Double>, in bounds: ClosedRange<Double>, step: Double) { absent() }
    public var body: Never { return absent() }
}

public struct Picker<Label: View, SelectionValue: Hashable, Content: View>: View {
    public var body: Never { return absent() }
}

extension Picker where Label == Text {
    public init(_ title: String, selection: Binding<SelectionValue>, @ViewBuilder content: () -> Content) { absent() }
}

public struct ProgressView: View {
    public init(value: Double?, total: Double = 1) { absent() }
    public var body: Never { return absent() }
}

public struct ShareLink<Label: View>: View {
    public init(items: [URL], subject: Text? = nil, message: Text? = nil, @ViewBuilder label: () -> Label) { absent() }
    public var body: Never { return absent() }
}

public protocol PrimitiveButtonStyle {}

public struct BorderedButtonStyle: PrimitiveButtonStyle {}

public struct BorderedProminentButtonStyle: PrimitiveButtonStyle {}

extension PrimitiveButtonStyle where Self == BorderedButtonStyle {
    public static var bordered: BorderedButtonStyle { absent() }
}

extension PrimitiveButtonStyle where Self == BorderedProminentButtonStyle {
    public static var borderedProminent: BorderedProminentButtonStyle { absent() }
}

// MARK: - Drawing

public protocol ShapeStyle: Sendable {}

public struct Color: ShapeStyle, View {
    public static var red: Color { absent() }
    public static var primary: Color { absent() }
    public static var secondary: Color { absent() }
    public static var accentColor: Color { absent() }
    public func opacity(_ opacity: Double) -> Color { absent() }
    public var body: Never { return absent() }
}

extension ShapeStyle where Self == Color {
    public static var red: Color { absent() }
}

public struct HierarchicalShapeStyle: ShapeStyle {}

extension ShapeStyle where Self == HierarchicalShapeStyle {
    public static var secondary: HierarchicalShapeStyle { absent() }
}

public struct Font: Hashable, Sendable {
    public static var title2: Font { absent() }
    public static var headline: Font { absent() }
    public static var subheadline: Font { absent() }
    public static var caption: Font { absent() }
}

public enum CGLineCap: Int32, Sendable {
    case butt, round, square
}

public enum CGLineJoin: Int32, Sendable {
    case miter, round, bevel
}

public struct StrokeStyle: Sendable {
    public init(
        lineWidth: CGFloat = 1, lineCap: CGLineCap = .butt, lineJoin: CGLineJoin = .miter, miterLimit: CGFloat = 10,
        dash: [CGFloat] = [], dashPhase: CGFloat = 0
    ) { absent() }
}

public struct Path: Sendable {
    public init() { absent() }
    public init(_ rect: CGRect) { absent() }
    public mutating func move(to end: CGPoint) { absent() }
    public mutating func addLine(to end: CGPoint) { absent() }
}

public struct FillStyle: Sendable {
    public init(eoFill: Bool = false, antialiased: Bool = true) { absent() }
}

public struct GraphicsContext {
    public struct Shading: Sendable {
        public static func color(_ color: Color) -> Shading { absent() }
    }
    public func fill(_ path: Path, with shading: Shading, style: FillStyle = FillStyle()) { absent() }
    public func stroke(_ path: Path, with shading: Shading, style: StrokeStyle) { absent() }
}

public struct Canvas: View {
    public init(
        opaque: Bool = false, rendersAsynchronously: Bool = false,
        renderer: @escaping (inout GraphicsContext, CGSize) -> Void
    ) { absent() }
    public var body: Never { return absent() }
}

// MARK: - Gestures

@MainActor @preconcurrency
public protocol Gesture<Value> {
    associatedtype Value
}

public struct DragGesture: Gesture {
    public struct Value: Equatable, Sendable {
        public var location: CGPoint { absent() }
    }
    public init(minimumDistance: CGFloat = 10) { absent() }
}

public struct _EndedGesture<Content: Gesture>: Gesture {
    public typealias Value = Content.Value
}

public struct _ChangedGesture<Content: Gesture>: Gesture {
    public typealias Value = Content.Value
}

extension Gesture {
    public func onEnded(_ action: @escaping (Value) -> Void) -> _EndedGesture<Self> { absent() }
}

extension Gesture where Value: Equatable {
    public func onChanged(_ action: @escaping (Value) -> Void) -> _ChangedGesture<Self> { absent() }
}

// MARK: - Accessibility

public enum AccessibilityAdjustmentDirection: Sendable {
    case increment, decrement
}

public struct AccessibilityChildBehavior: Hashable, Sendable {
    public static var ignore: AccessibilityChildBehavior { absent() }
}

public struct AccessibilityTraits: Sendable {
    public static var allowsDirectInteraction: AccessibilityTraits { absent() }
}

public enum AccessibilityNotification {
    public struct Announcement {
        public init(_ announcement: String) { absent() }
        public func post() { absent() }
    }
}

// MARK: - Modifiers

extension View {
    public func padding() -> some View { self }
    public func frame(width: CGFloat? = nil, height: CGFloat? = nil, alignment: Alignment = .center) -> some View {
        self
    }
    public func frame(
        minWidth: CGFloat? = nil, idealWidth: CGFloat? = nil, maxWidth: CGFloat? = nil, minHeight: CGFloat? = nil,
        idealHeight: CGFloat? = nil, maxHeight: CGFloat? = nil, alignment: Alignment = .center
    ) -> some View { self }
    public func aspectRatio(_ aspectRatio: CGFloat? = nil, contentMode: ContentMode) -> some View { self }
    public func background<S: ShapeStyle>(_ style: S) -> some View { self }
    public func foregroundStyle<S: ShapeStyle>(_ style: S) -> some View { self }
    public func font(_ font: Font?) -> some View { self }
    public func monospacedDigit() -> some View { self }
    public func disabled(_ disabled: Bool) -> some View { self }
    public func buttonStyle<S: PrimitiveButtonStyle>(_ style: S) -> some View { self }
    public func tabItem<V: View>(@ViewBuilder _ label: () -> V) -> some View { self }
    public func tag<V: Hashable>(_ tag: V) -> some View { self }
    public func gridCellColumns(_ count: Int) -> some View { self }
    public func gesture<T: Gesture>(_ gesture: T) -> some View { self }
    public func onChange<V: Equatable>(
        of value: V, initial: Bool = false, _ action: @escaping (_ oldValue: V, _ newValue: V) -> Void
    ) -> some View { self }
    public func fileImporter(
        isPresented: Binding<Bool>, allowedContentTypes: [UTType],
        onCompletion: @escaping (Result<URL, any Error>) -> Void
    ) -> some View { self }
    public func accessibilityLabel(_ label: String) -> some View { self }
    public func accessibilityValue(_ value: String) -> some View { self }
    public func accessibilityHidden(_ hidden: Bool) -> some View { self }
    public func accessibilityElement(children: AccessibilityChildBehavior = .ignore) -> some View { self }
    public func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View { self }
    public func accessibilityAdjustableAction(
        _ handler: @escaping (AccessibilityAdjustmentDirection) -> Void
    ) -> some View { self }
}

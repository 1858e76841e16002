import type * as Cel from '@bufbuild/cel';

type Parsed = ReturnType<typeof Cel.parse>;
type Expression = NonNullable<Parsed['expr']>;
type Call = Extract<Expression['exprKind'], { case: 'callExpr' }>['value'];
type Comprehension = Extract<Expression['exprKind'], { case: 'comprehensionExpr' }>['value'];
type Constant = Extract<Expression['exprKind'], { case: 'constExpr' }>['value'];

/** The static type of a value: the name of its type, or `dyn`. */
type TypeName = string;
const DYN = 'dyn';

/** Names that are not variables: types, and the package of the well-known ones. */
const TYPE_NAMES: ReadonlySet<string> = new Set([
  ...['bool', 'int', 'uint', 'double', 'string', 'bytes', 'list', 'map', 'null_type', 'type', 'google'],
]);

const CONSTANT_TYPES: Readonly<Record<string, TypeName>> = {
  boolValue: 'bool',
  int64Value: 'int',
  uint64Value: 'uint',
  doubleValue: 'double',
  stringValue: 'string',
  bytesValue: 'bytes',
  nullValue: 'null_type',
};

/**
 * Mistakes that fail in every run: undeclared names, functions that do not exist, and arguments of a type that no
 * function takes. cel-go, and so blackbox_exporter, rejects these when it compiles an expression. The JSON of an answer
 * may be of any type.
 */
export function celTypeError(parsed: Parsed, functions: Cel.CelEnv['funcs']): string | undefined {
  const checker = new TypeChecker(functions);
  checker.typeOf(parsed.expr, new Map([['body', DYN]]));
  return checker.mistake;
}

type Scope = ReadonlyMap<string, TypeName>;

class TypeChecker {
  readonly #functions: Cel.CelEnv['funcs'];
  /** The first one found. */
  mistake: string | undefined;

  constructor(functions: Cel.CelEnv['funcs']) {
    this.#functions = functions;
  }

  typeOf(expression: Expression | undefined, scope: Scope): TypeName {
    const kind = expression?.exprKind;
    switch (kind?.case) {
      case 'constExpr':
        return constantType(kind.value);
      case 'identExpr':
        return this.#name(kind.value.name, scope);
      case 'selectExpr': {
        this.#expect(this.typeOf(kind.value.operand, scope), ['map', 'type'], 'fields belong to');
        return kind.value.testOnly ? 'bool' : DYN;
      }
      case 'callExpr':
        return this.#call(kind.value, scope);
      case 'listExpr':
        for (const element of kind.value.elements) this.typeOf(element, scope);
        return 'list';
      case 'structExpr':
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === 'mapKey') this.typeOf(keyKind.value, scope);
          this.typeOf(value, scope);
        }
        return kind.value.messageName === '' ? 'map' : DYN;
      case 'comprehensionExpr':
        return this.#comprehension(kind.value, scope);
      default:
        return DYN;
    }
  }

  #wrong(mistake: string): TypeName {
    this.mistake ??= mistake;
    return DYN;
  }

  #expect(type: TypeName, expected: readonly TypeName[], what: string): void {
    if (type !== DYN && !expected.includes(type)) this.#wrong(`${what} ${expected.join(', ')}, not ${type}`);
  }

  #name(name: string, scope: Scope): TypeName {
    const type = scope.get(name) ?? (TYPE_NAMES.has(name) ? 'type' : undefined);
    return type ?? this.#wrong(`it names "${name}", and the only variable is body, the JSON of the answer`);
  }

  #comprehension(given: Comprehension, scope: Scope): TypeName {
    const { iterVar, iterVar2, accuVar, iterRange, accuInit, loopCondition, loopStep, result } = given;
    this.#expect(this.typeOf(iterRange, scope), ['list', 'map'], 'a macro iterates over');
    const names = [iterVar, iterVar2].map((name) => [name, DYN] as const);
    const inside = new Map([...scope, ...names, [accuVar, this.typeOf(accuInit, scope)] as const]);
    this.typeOf(loopCondition, inside);
    this.typeOf(loopStep, inside);
    return this.typeOf(result, inside);
  }

  #call({ function: name, target, args }: Call, scope: Scope): TypeName {
    const types = args.map((one) => this.typeOf(one, scope));
    const [first = DYN, second = DYN, third = DYN] = types;
    switch (name) {
      case '_&&_':
      case '_||_':
      case '@not_strictly_false':
        for (const type of types) this.#expect(type, ['bool'], '&& and || need');
        return 'bool';
      case '_?_:_':
        this.#expect(first, ['bool'], 'the condition before ? must be');
        return this.#same(second, third, 'the values around : are');
      case '_[_]':
        this.#expect(first, ['list', 'map'], '[ ] applies to');
        return DYN;
      case '_==_':
      case '_!=_':
        this.#same(first, second, 'it compares');
        return 'bool';
      default:
        return this.#overload(name, target === undefined ? undefined : this.typeOf(target, scope), types);
    }
  }

  #same(left: TypeName, right: TypeName, what: string): TypeName {
    const open = [left, right].some((type) => type === DYN || type === 'null_type');
    if (!open && left !== right) this.#wrong(`${what} ${left} and ${right}`);
    return left === right ? left : DYN;
  }

  #overload(name: string, target: TypeName | undefined, args: readonly TypeName[]): TypeName {
    const named = this.#functions.find(name);
    if (named === undefined) return this.#wrong(`unknown function ${name}`);
    const fitting = [...named].filter(
      (one) =>
        (one.target === undefined) === (target === undefined) &&
        fits(target ?? DYN, one.target?.name ?? DYN) &&
        one.arguments.length === args.length &&
        args.every((type, i) => fits(type, one.arguments[i]?.name ?? DYN)),
    );
    if (fitting.length === 0) {
      const given = `${target === undefined ? '' : `${target}.`}${name}(${args.join(', ')})`;
      return this.#wrong(
        `unknown overload ${given}; expected one of ${[...named].map(({ id }) => id).join(', ')}`,
      );
    }
    const results = new Set(fitting.map(({ result }) => result.name));
    return results.size === 1 ? ([...results][0] ?? DYN) : DYN;
  }
}

function constantType({ constantKind }: Constant): TypeName {
  return CONSTANT_TYPES[constantKind.case ?? ''] ?? DYN;
}

function fits(given: TypeName, wanted: TypeName): boolean {
  return given === DYN || wanted === DYN || given === wanted;
}

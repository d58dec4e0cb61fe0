export declare function verifyToken(token: string): Promise<{ sub: string; role: string }>;
export declare function forgetTokensOf(userId: string): Promise<void>;
